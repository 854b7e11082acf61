"""What the readers of corpora share: a row, the search for a list file, and the scan of a folder for recordings."""

import csv
import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from smalti.audio import is_recording, shown
from smalti.core import DataError
from smalti.data.given_codes import holds_codes
from smalti.data.sidecars import is_sidecar
from smalti.features import is_picture, may_hold_log_mel
from smalti.store import read_text

Row = dict[str, Any]


def list_file(source: Path, *patterns: str) -> Path:
    """The one file of these patterns in a folder; `source` itself if it is a file.

    Raises:
        DataError: if there is none or more than one.
    """
    if source.is_file():
        return source
    found = sorted({path for pattern in patterns for path in source.glob(pattern)})
    if len(found) != 1:
        names = ", ".join(path.name for path in found) or "none"
        raise DataError(f"{shown(source)}: found {names} of {' or '.join(patterns)}, wanted one; name the file itself")
    return found[0]


def csv_rows(path: Path, names: tuple[str, ...] = ()) -> Iterator[dict[str, str]]:
    """Rows of a CSV file as text; `names` for a file without a header.

    Raises:
        DataError: if it cannot be read.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            yield from csv.DictReader(file, names or None)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{shown(path)}: cannot be read as CSV ({error}); repair or replace it") from error


def recordings(folder: Path) -> list[str]:
    """Paths of all recordings below a folder, sorted, relative to it; by name or, for unknown suffixes, by content.
    Mel pictures (`*_mel.npy`), log-mels (other `*.npy` of 80 bands) and codes (`*.dac`) stand for their recordings.

    Hidden files and folders are left out, and so are folders that are named like recordings; links to folders are not
    followed.

    Raises:
        DataError: if it is no folder.
    """
    if not folder.is_dir():
        raise DataError(
            f"{shown(folder)}: is no folder; name one that holds recordings, or say whose list it is (--corpus)"
        )
    found: list[str] = []
    for here, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".") and not is_recording(Path(here, name))]
        paths = (Path(here, name) for name in files if not name.startswith("."))
        found += [path.relative_to(folder).as_posix() for path in paths if _is_listed(path)]
    return sorted(found)


def _is_listed(path: Path) -> bool:
    if is_sidecar(path):
        return False
    return is_picture(path) or may_hold_log_mel(path) or holds_codes(path) or is_recording(path)


def recording_name(path: str) -> str:
    """What a corpus's lists call a file: its name without suffix, dots and all, and without the `_mel` of a picture."""
    stem = PurePosixPath(path).stem
    return stem.removesuffix("_mel") if is_picture(path) else stem


def listed_lines(source: Path, name: str) -> list[str]:
    """The lines of a list that lies in a folder or up to two above it, where the published layout has it.

    Raises:
        DataError: if it is in none of them, or cannot be read.
    """
    places = [folder / name for folder in (source, *source.resolve().parents[:2])]
    path = next((place for place in places if place.is_file()), None)
    if path is None:
        raise DataError(f"{shown(source)}: holds no {name}, nor do the two folders above it; copy the list there")
    return [line.strip() for line in read_text(path).splitlines() if line.strip()]
