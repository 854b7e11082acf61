"""Syntex data frames: one sheet, "Full File Name", "Class Name" and then one column a parameter, beside the clips.

A parameter is a class's own: of a shared column (`Param1`) each class in which it varies has a parameter of that name,
and a column that stands still in a class (zeros that only fill the cells) is none of its. Values are kept as they are.
A name that ends in `_exp` holds 0…1, whose even steps are equal ratios of the physical quantity already, so its scale
is "lin"; write `"scale": "log"` into schema.json for a column in hertz.

Source: github.com/lonce/DACSynthformer. Differs: there every sheet numbered its own classes, and nothing was checked.
"""

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

from smalti.audio import shown
from smalti.core import DataError
from smalti.data.corpora.rows import Row, list_file
from smalti.data.corpora.sheets import Line, columns, odd_spellings, read_sheet
from smalti.data.tables import TEXTS

_NAMED = re.compile(r"--([A-Za-z]\w*)-(-?\d+(?:\.\d+)?)(?=--|\.|$)")
_COUNTED = frozenset("cx")  # of a name: which copy of the condition, which excerpt
_TOLERANCE = 0.0051  # names carry two digits


def syntex(source: Path) -> list[Row]:
    """All listed clips; every column right of "Class Name" is kept, numbers as numbers.

    A clip is looked for where the sheet says, then in the folder that is called like the sheet, then anywhere below it.

    Raises:
        DataError: if the sheet is missing, cannot be trusted (`smalti.data.corpora.sheets.read_sheet`), or several
            files below it are of one name.
    """
    path = list_file(source, "*.xlsx", "*.csv")
    lines = read_sheet(path)
    places = _places(path, [line.file for line in lines])
    return [{"path": places[line.file], "label": line.label, **line.cells} for line in lines]


def syntex_labels(source: Path) -> list[str]:
    """All classes of a sheet, whichever of its clips are there."""
    return sorted({line.label for line in read_sheet(list_file(source, "*.xlsx", "*.csv"))})


def syntex_notes(source: Path) -> list[str]:
    """What is odd in a sheet and was taken as meant, one sentence each."""
    path = list_file(source, "*.xlsx", "*.csv")
    lines = read_sheet(path)
    return [*odd_spellings(lines), *_texts(lines), *_contradictions(lines)]


def _texts(lines: Sequence[Line]) -> Iterator[str]:
    for name in columns(lines):
        if name not in TEXTS and any(isinstance(line.cells.get(name), str) for line in lines):
            yield f"column {name!r} holds text, so it is no parameter"


def _contradictions(lines: Sequence[Line]) -> Iterator[str]:
    """File names that carry a parameter (`Wind--strength-00.50--c-00--x-90.dac`) of which the sheet says otherwise."""
    others: dict[str, list[str]] = {}
    for line in lines:
        for name, text in _NAMED.findall(PurePosixPath(line.file).name):
            if name not in _COUNTED and not _agrees(line, name, float(text)):
                told = {name: line.cells[name]} if name in line.cells else line.cells
                cells = ", ".join(f"{key}={'' if value is None else value}" for key, value in told.items())
                others.setdefault(name, []).append(f"{shown(line.file)} (row {line.number}) has {cells or 'no value'}")
    for name, found in others.items():
        yield (
            f"the names of {len(found)} files carry another {name!r} than their rows, as {found[0]}; "
            "the sheet is followed: correct it if the names are right"
        )


def _agrees(line: Line, name: str, value: float) -> bool:
    cells = [line.cells[name]] if name in line.cells else list(line.cells.values())
    return any(isinstance(cell, float) and abs(cell - value) < _TOLERANCE for cell in cells)


def _places(sheet: Path, names: Sequence[str]) -> dict[str, str]:
    """Where each file lies, seen from the sheet; as it is named if it is nowhere."""
    folder = sheet.parent
    found = {name: name for name in names if (folder / name).exists()}
    own = {name: f"{sheet.stem}/{name}" for name in names if (folder / sheet.stem / name).exists()}
    missing = [name for name in names if name not in found and name not in own]
    below = _below(folder) if missing else {}
    for name in missing:
        if len(below.get(name, ())) > 1:
            several = ", ".join(below[name][:3])
            raise DataError(f"{shown(sheet)}: {shown(name)} lies in several folders ({several}); name the folder, too")
    return {name: found.get(name) or own.get(name) or below.get(name, [name])[0] for name in names}


def _below(folder: Path) -> dict[str, list[str]]:
    """Paths of all files below a folder by their names; hidden ones are left out, links to folders not followed."""
    found: dict[str, list[str]] = {}
    for here, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in files:
            found.setdefault(name, []).append(Path(here, name).relative_to(folder).as_posix())
    return found
