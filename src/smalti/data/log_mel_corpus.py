"""From recordings to MATPAC's log-mels: one `.npy` file for each, in a tree that mirrors theirs.

An interrupted run goes on where it was; a file there is trusted only if it is whole, as long as its recording, and not
older.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from smalti.audio import AudioFile, FileReport, shown
from smalti.core import DataError
from smalti.data.corpora import Row
from smalti.data.manifest import Manifest
from smalti.data.split import LEARNT
from smalti.features import (
    MATPAC_PICTURE,
    SILENCE,
    array_bytes,
    is_log_mel,
    is_picture,
    open_log_mel,
    power_log_mel,
    power_mel_frames,
)
from smalti.store import write_bytes

MATPAC = "matpac"
"""What these features are called."""

_WINDOW = 16  # recordings in hand per worker
_AT_ONCE = 1 << 15  # frames of a file, over five minutes
_NEAR = 1e-3


def log_mel_of(path: Path) -> Float[Tensor, "band frame"]:
    """`smalti.features.power_log_mel` of a whole recording, in blocks: memory grows by the picture only.

    Raises:
        DataError: if it cannot be read to its end.
    """
    picture, parts, waiting = MATPAC_PICTURE, list[Tensor](), torch.zeros(0)
    with AudioFile(path) as file:
        for block in file.blocks(sample_rate=picture.sample_rate):
            waiting = torch.cat([waiting, block])
            if len(waiting) >= picture.n_fft:
                parts.append(power_log_mel(waiting[None], picture)[0])
                waiting = waiting[parts[-1].shape[1] * picture.hop :]
    # shorter than a window: silence follows
    return torch.cat(parts or [power_log_mel(waiting[None], picture)[0]], dim=1)


def inspect_log_mel(path: Path) -> FileReport:
    """Read a whole file of log-mels and tell its facts in those of the sound that it stands for.

    Raises:
        DataError: as `smalti.features.open_log_mel`, or if a number is not finite.
    """
    file = open_log_mel(path)
    parts = (file.read(first=first, count=_AT_ONCE) for first in range(0, file.frames, _AT_ONCE))
    loudest = max(float(part.max()) for part in parts)
    samples = _samples(file.frames)
    return FileReport(
        path=path,
        seconds=samples / MATPAC_PICTURE.sample_rate,
        sample_rate=MATPAC_PICTURE.sample_rate,
        channels=1,
        frames=samples,
        format="NPY/log-mel",
        flags=("silent",) if loudest <= SILENCE + _NEAR else (),
    )


def write_log_mels(
    rows: Sequence[Row],
    root: Path,
    to: Path,
    *,
    workers: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[list[Row], list[dict[str, str]]]:
    """Write the log-mels of recordings, or what is missing of them.

    Args:
        rows: of recordings that can be read, with their `seconds`; a row of log-mels is kept as it is.
        root: what their relative paths start from.
        to: folder; `dog/a.wav` becomes `dog/a.wav.npy` in it.
        workers: recordings heard at once.
        progress: told (recordings done, recordings in all).
    Returns:
        The rows with their files' paths, from `to` or absolute, and the seconds that these stand for; and path and
        reason of each recording without.
    Raises:
        StoreError: if the disk is full.
    """
    written, failed = list[Row](), list[dict[str, str]]()
    for done, (row, found) in enumerate(zip(rows, _heard(rows, root, to, workers), strict=True), start=1):
        if isinstance(found, str):
            failed.append({"path": str(row["path"]), "reason": found})
        else:
            written.append(row | found)
        if progress is not None:
            progress(done, len(rows))
    return written, failed


def write_list(manifest: Manifest, folder: Path) -> None:
    """Write `train.tsv` for training by fairseq: the folder, then path and frames of what is there for training.

    Raises:
        StoreError: if it cannot be written.
    """
    root = folder.resolve()
    lines = [str(root)]
    for row in manifest.table.to_pylist():
        if row.get("split") in LEARNT:
            path = (manifest.root / row["path"]).resolve()
            name = path.relative_to(root) if path.is_relative_to(root) else path
            lines.append(f"{name}\t{power_mel_frames(round(row['seconds'] * MATPAC_PICTURE.sample_rate))}")
    write_bytes(folder / "train.tsv", "".join(f"{line}\n" for line in lines).encode())


def _heard(rows: Sequence[Row], root: Path, to: Path, workers: int) -> Iterator[dict[str, Any] | str]:
    """For every row the facts of its log-mels, or why there are none; a window of rows at a time."""
    with ThreadPoolExecutor(workers) as pool:
        for first in range(0, len(rows), _WINDOW * workers):
            yield from pool.map(partial(_hear, root=root, to=to), rows[first : first + _WINDOW * workers])


def _hear(row: Row, *, root: Path, to: Path) -> dict[str, Any] | str:
    name = str(row["path"])
    source, target = root / name, _target(name, root, to)
    if is_picture(name) or is_picture(target):
        return f"log-mels of it would be called {target.name}, as mel pictures are; give sound, by another name"
    if not is_log_mel(name) and not _is_whole(target, source, row["seconds"]):
        try:
            found = log_mel_of(source)
        except DataError as error:
            return str(error).removeprefix(f"{shown(source)}: ")
        target.parent.mkdir(parents=True, exist_ok=True)
        write_bytes(target, array_bytes(found))
    return _facts(target, to)


def _target(name: str, root: Path, to: Path) -> Path:
    """Where a recording's log-mels lie: its whole name is kept, so that `a.wav` and `a.mp3` both have theirs."""
    if is_log_mel(name):
        return root / name
    path = PurePosixPath(name)
    inside = path.relative_to("/") if path.is_absolute() else path
    return to / inside.parent / f"{path.name}.npy"


def _is_whole(target: Path, source: Path, seconds: float) -> bool:
    wanted = power_mel_frames(round(seconds * MATPAC_PICTURE.sample_rate))
    try:
        if target.stat().st_mtime_ns < source.stat().st_mtime_ns:
            return False
        return abs(open_log_mel(target).frames - wanted) <= 1  # resampling may round a sample otherwise
    except (OSError, DataError):
        return False


def _facts(target: Path, to: Path) -> dict[str, Any]:
    picture = MATPAC_PICTURE
    return {
        "path": target.relative_to(to).as_posix() if target.is_relative_to(to) else str(target.resolve()),
        "seconds": _samples(open_log_mel(target).frames) / picture.sample_rate,
        "sample_rate": picture.sample_rate,
        "channels": 1,
    }


def _samples(frames: int) -> int:
    return (frames - 1) * MATPAC_PICTURE.hop + MATPAC_PICTURE.n_fft
