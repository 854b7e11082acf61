"""From recordings to mel pictures as published: ten seconds each, 860 frames, one file for each recording."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path, PurePosixPath

import torch
from jaxtyping import Float
from torch import Tensor

from smalti.audio import read
from smalti.core import DataError, ParameterError
from smalti.data.corpora import Row
from smalti.data.given_pictures import PUBLISHED, picture_samples
from smalti.features import MEL_PRESETS, MelSettings, array_bytes, is_picture, log_mel, read_picture
from smalti.store import write_bytes

SECONDS, FRAMES = 10, 860
_FOLDER = "melspec_10s_22050hz"
_WINDOW = 16  # recordings in hand per worker


def write_pictures(
    rows: list[Row],
    root: Path,
    to: Path,
    preset: str,
    *,
    workers: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[list[Row], list[dict[str, str]]]:
    """Draw recordings, or what is missing of them; a picture that is there and whole is left as it is.

    Args:
        rows: of recordings that can be read; a row of a picture is kept as it is.
        root: what their relative paths start from.
        to: folder; `dog/a.wav` becomes `dog/melspec_10s_22050hz/a_mel.npy` in it.
        preset: the published one.
        workers: recordings drawn at once.
        progress: told (recordings done, recordings in all).
    Returns:
        The rows with their pictures' seconds and paths, from `to` or absolute, and path and reason of each without.
    Raises:
        ParameterError: for another preset.
        StoreError: if the disk is full.
    """
    if preset != PUBLISHED:
        raise ParameterError(f"found features {preset!r}, wanted {PUBLISHED!r}: picture files do not say what they are")
    picture, drawn = MEL_PRESETS[preset], []
    failed: list[dict[str, str]] = []
    taken: dict[Path, str] = {}
    for done, (row, target, reason) in enumerate(_drawn(rows, root, to, picture, workers), start=1):
        other = taken.setdefault(target, str(row["path"]))
        if other != row["path"]:
            reason = f"would be written over the picture of {other}; give them different names"
        if reason:
            failed.append({"path": str(row["path"]), "reason": reason})
        else:
            drawn.append(row | _facts(target, to, picture))
        if progress is not None:
            progress(done, len(rows))
    return drawn, failed


def published_picture(samples: Float[Tensor, " sample"], picture: MelSettings) -> Float[Tensor, "band frame"]:
    """The picture of ten seconds, cut or followed by silence, without the last frames beyond 860."""
    wanted = SECONDS * picture.sample_rate
    samples = torch.nn.functional.pad(samples[:wanted], (0, max(wanted - len(samples), 0)))
    return log_mel(samples[None], picture)[0, :, :FRAMES]


def _drawn(
    rows: list[Row], root: Path, to: Path, picture: MelSettings, workers: int
) -> Iterator[tuple[Row, Path, str]]:
    """For every row where its picture lies, and why it could not be drawn; a window of rows at a time."""
    draw = partial(_draw, root=root, picture=picture)
    with ThreadPoolExecutor(workers) as pool:
        for first in range(0, len(rows), _WINDOW * workers):
            window = rows[first : first + _WINDOW * workers]
            targets = [_target(str(row["path"]), root, to) for row in window]
            paths = [str(row["path"]) for row in window]
            yield from zip(window, targets, pool.map(draw, paths, targets), strict=True)


def _target(name: str, root: Path, to: Path) -> Path:
    if is_picture(name):
        return root / name
    path = PurePosixPath(name)
    above = path.parent if not path.is_absolute() else PurePosixPath()
    return to / above / _FOLDER / f"{path.stem}_mel.npy"


def _draw(name: str, target: Path, *, root: Path, picture: MelSettings) -> str:
    if is_picture(name) or _is_whole(target, picture):
        return ""
    try:
        sound = read(root / name, sample_rate=picture.sample_rate, start=0.0, seconds=float(SECONDS))
    except DataError as error:
        return str(error)
    target.parent.mkdir(parents=True, exist_ok=True)
    write_bytes(target, array_bytes(published_picture(sound.samples[0], picture)))
    return ""


def _is_whole(target: Path, picture: MelSettings) -> bool:
    try:
        return target.is_file() and read_picture(target, picture).shape[1] == FRAMES
    except DataError:
        return False


def _facts(target: Path, to: Path, picture: MelSettings) -> Row:
    samples = picture_samples(FRAMES, picture)
    return {
        "path": target.relative_to(to).as_posix() if target.is_relative_to(to) else str(target.resolve()),
        "seconds": samples / picture.sample_rate,
        "sample_rate": picture.sample_rate,
        "channels": 1,
    }
