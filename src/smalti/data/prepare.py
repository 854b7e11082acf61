"""From a pile of recordings to a manifest: every file read to its end, the bad ones listed once with their reason."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

from smalti.audio import FileReport, inspect, shown
from smalti.core import DataError, ParameterError, nearest
from smalti.data.corpora import CORPORA, Row
from smalti.data.corpora.listed import holds_labelled_manifest
from smalti.data.manifest import Manifest

_WINDOW = 64  # files in hand per worker
_COLUMNS = ("path", "seconds", "sample_rate", "channels", "label", "split", "fold", "flags")


@dataclass(frozen=True, slots=True, kw_only=True)
class PrepareReport:
    """What preparing found.

    Attributes:
        files: recordings that can be used.
        failed: `path` and `reason` of each that cannot, in order of path.
        flagged: `path` and `flags` (names of `smalti.audio.FLAGS`) of each usable one with something odd.
        audio_seconds: duration of all usable ones together.
        seconds: that it took.
        manifest: where the manifest lies.
        too_many_bad: whether more failed than allowed; then nothing was written.
    """

    files: int
    failed: tuple[dict[str, str], ...]
    flagged: tuple[dict[str, Any], ...]
    audio_seconds: float
    seconds: float
    manifest: Path
    too_many_bad: bool


def prepare(
    source: Path,
    manifest: Path,
    *,
    corpus: str | None = None,
    workers: int = 1,
    max_bad: float = 0.1,
    progress: Callable[[int, int], None] | None = None,
) -> PrepareReport:
    """Read every recording of a corpus to its end and write a manifest of those that can be used.

    Args:
        source: a folder, or the list file of a corpus that is a list.
        manifest: .csv or .parquet to write; its paths are relative to its own folder, or absolute if outside of it.
        corpus: a name in `CORPORA`; None takes a labelled manifest in the folder if there is one, else folders.
        workers: files read at once.
        max_bad: largest share of recordings that may fail, 0…1; if more do, nothing is written.
        progress: told (files done, files in all).
    Raises:
        ParameterError: for an unknown corpus or impossible numbers.
        DataError: if there are no recordings, or the corpus's list cannot be read.
        StoreError: if the manifest cannot be written.
    """
    begin = time.perf_counter()
    rows = _rows(source, corpus, workers=workers, max_bad=max_bad)
    root = source if source.is_dir() else source.parent
    good: list[Row] = []
    failed: list[dict[str, str]] = []
    for done, (row, outcome) in enumerate(zip(rows, _inspected(root, rows, workers), strict=True), start=1):
        if isinstance(outcome, FileReport):
            good.append(_measured(row, outcome))
        else:
            failed.append({"path": str(row["path"]), "reason": outcome})
        if progress is not None:
            progress(done, len(rows))
    too_many_bad = not good or len(failed) > max_bad * len(rows)
    if not too_many_bad:
        Manifest.from_rows(good, root).write(manifest)
    return PrepareReport(
        files=len(good),
        failed=tuple(failed),
        flagged=tuple({"path": row["path"], "flags": row["flags"].split()} for row in good if row["flags"]),
        audio_seconds=sum(row["seconds"] for row in good),
        seconds=time.perf_counter() - begin,
        manifest=manifest,
        too_many_bad=too_many_bad,
    )


def _rows(source: Path, corpus: str | None, *, workers: int, max_bad: float) -> list[Row]:
    """The corpus's rows, each path once, in order of path."""
    if corpus is not None and corpus not in CORPORA:
        raise ParameterError(f"corpus {corpus!r} is unknown; {nearest(corpus, CORPORA)}")
    if workers < 1 or not 0 <= max_bad <= 1:
        raise ParameterError(f"workers={workers}, max_bad={max_bad:g}; give at least 1 worker and a share in 0…1")
    if not source.exists():
        raise DataError(f"{shown(source)}: is not there; name a folder that holds recordings")
    try:
        read = CORPORA[corpus or ("manifest" if holds_labelled_manifest(source) else "folders")]
        rows = {(path := str(PurePosixPath(row["path"]))): row | {"path": path} for row in reversed(read(source))}
    except (OSError, LookupError, ValueError, TypeError, AttributeError) as error:
        raise DataError(f"{shown(source)}: is not laid out like {corpus} ({error!r}); name another corpus") from error
    if not rows:
        raise DataError(
            f"{shown(source)}: holds no recordings (links to folders are not followed); name another folder"
        )
    return [rows[path] for path in sorted(rows)]


def _inspected(root: Path, rows: list[Row], workers: int) -> Iterator[FileReport | str]:
    """For every row what reading its file showed, or the reason why it cannot be used; a window of rows at a time."""
    inside = root.resolve()
    with ThreadPoolExecutor(workers) as pool:
        for first in range(0, len(rows), _WINDOW * workers):
            window = rows[first : first + _WINDOW * workers]
            yield from pool.map(partial(_outcome, root, inside), [str(row["path"]) for row in window])


def _outcome(root: Path, inside: Path, name: str) -> FileReport | str:
    path = root / name
    try:
        name.encode()
        if not Path(name).is_absolute() and not path.resolve().is_relative_to(inside):
            return "leads out of the folder (a link or ..), which is not followed; copy it into the folder"
        return inspect(path)
    except UnicodeEncodeError:
        return "its name is not valid UTF-8, so no table can hold it; rename it"
    except (OSError, RuntimeError, ValueError) as error:
        return f"its name cannot be followed ({error}); rename it"
    except DataError as error:
        return str(error).removeprefix(f"{shown(path)}: ")


def _measured(row: Row, report: FileReport) -> Row:
    found = {
        "seconds": report.seconds,
        "sample_rate": report.sample_rate,
        "channels": report.channels,
        "flags": " ".join(report.flags),
    }
    known = row | found
    return {name: known.get(name) for name in _COLUMNS} | known
