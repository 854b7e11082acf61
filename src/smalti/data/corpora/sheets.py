"""One sheet of clips, CSV or Excel, as rows that are worth trusting: what is odd in it is refused or told by its row.

Excel needs the optional `pip install 'smalti[excel]'`.
"""

import math
import unicodedata
import zipfile
import zlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from smalti.audio import shown
from smalti.core import DataError, nearest
from smalti.data.corpora.rows import csv_rows

FILE, CLASS = "Full File Name", "Class Name"
_MOST_UNPACKED, _MOST_CELLS = 32 << 20, 2_000_000
# what openpyxl meets in a file that is damaged or something else; a SyntaxError is one of its XML
_NO_EXCEL = (OSError, EOFError, ValueError, KeyError, AttributeError, SyntaxError, zipfile.BadZipFile, zlib.error)
_NONE = frozenset(("", "nan", "none", "null"))  # how programs write that a cell is empty


@dataclass(frozen=True, slots=True)
class Line:
    """One clip as a sheet has it.

    Attributes:
        number: of its row in the file; the names of the columns are row 1.
        file: its name, maybe with folders.
        label: its class, white space made even.
        written: the class as it is written.
        cells: what stands right of the class: numbers, texts, or None where nothing does.
    """

    number: int
    file: str
    label: str
    written: str
    cells: dict[str, float | str | None]


def read_sheet(path: Path) -> list[Line]:
    """All clips of a sheet; empty rows are left out.

    Raises:
        DataError: if it cannot be read, lacks one of the two columns or has two of one name, a row has no file or no
            class, two rows name one file, two classes differ only in case, or a column holds numbers and text.
    """
    rows = list(_excel(path) if path.suffix.lower() == ".xlsx" else csv_rows(path))
    lines = [_line(path, number, row) for number, row in enumerate(rows, start=2) if not _empty(row)]
    if not lines:
        raise DataError(f"{shown(path)}: has no rows; list one clip a row")
    _refuse_twins(path, lines)
    _refuse_cases(path, lines)
    for name in columns(lines):
        _refuse_mixture(path, lines, name)
    return lines


def columns(lines: Sequence[Line]) -> list[str]:
    """Names of the columns right of the class."""
    return list(dict.fromkeys(name for line in lines for name in line.cells))


def odd_spellings(lines: Sequence[Line]) -> list[str]:
    """A sentence for each class that is also written with other white space."""
    found: dict[str, dict[str, int]] = defaultdict(dict)
    for line in lines:
        if line.written != line.label:
            found[line.label].setdefault(line.written, line.number)
    return [
        f"class {label!r} is also written {', '.join(f'{text!r} (row {row})' for text, row in others.items())}; "
        "taken as one"
        for label, others in found.items()
    ]


def _excel(path: Path) -> Iterable[dict[str, Any]]:
    try:
        from openpyxl import load_workbook
    except ImportError as error:
        raise DataError(
            f"{shown(path)}: is an Excel sheet; reading it needs pip install 'smalti[excel]', or save it as CSV"
        ) from error
    try:
        _refuse_bombs(path)
        sheet: Any = load_workbook(path, read_only=True, data_only=True).active
        names, *values = _within_limits(path, sheet.iter_rows(values_only=True))
    except _NO_EXCEL as error:
        raise DataError(f"{shown(path)}: cannot be read as an Excel sheet ({error}); save it as CSV") from error
    named = [(place, name) for place, name in enumerate(names) if name is not None]
    return [{str(name): row[place] for place, name in named} for row in values]


def _refuse_bombs(path: Path) -> None:
    """Refuse a book that would unpack to more than any list of clips; a part cannot become more than it says."""
    with zipfile.ZipFile(path) as book:
        grown = sum(part.file_size for part in book.infolist())
    if grown > _MOST_UNPACKED:
        found = f"would unpack to {grown} bytes, wanted at most {_MOST_UNPACKED}"
        raise DataError(f"{shown(path)}: {found}; save it as CSV")


def _within_limits(path: Path, rows: Iterable[tuple[Any, ...]]) -> Iterator[tuple[Any, ...]]:
    """The rows, as long as there are not more cells than a sheet of clips has: its own claim of a size is filled up."""
    cells = 0
    for row in rows:
        cells += len(row)
        if cells > _MOST_CELLS:
            raise DataError(f"{shown(path)}: claims more than {_MOST_CELLS} cells; save it as CSV")
        yield row


def _remedy(wanted: str, names: list[str]) -> str:
    apart = next((mark for mark in (";", "\t") if len(names) == 1 and mark in names[0]), None)
    if apart is not None:
        return f"its columns are set apart by {apart!r}, wanted commas; save it so, or as .xlsx"
    return nearest(wanted, [_even(name) for name in names])


def _empty(row: dict[str, Any]) -> bool:
    return all(_cell(cell) is None for cell in row.values())


def _line(path: Path, number: int, row: dict[str, Any]) -> Line:
    names = [_even(str(name)) for name in row]
    for wanted in (FILE, CLASS):
        if wanted not in names:
            raise DataError(f"{shown(path)}: has no column {wanted!r}; {_remedy(wanted, list(row))}")
    if len(set(names)) < len(names):
        raise DataError(f"{shown(path)}: has two columns of one name; rename one")
    told = dict(zip(names, row.values(), strict=True))
    file, written = (str(told[name] or "") for name in (FILE, CLASS))
    if not file.strip() or not written.strip():
        missing = FILE if not file.strip() else CLASS
        raise DataError(f"{shown(path)}: row {number} has no {missing!r}; fill it in or remove the row")
    cells = {name: _cell(told[name]) for name in names[names.index(CLASS) + 1 :] if name != FILE}
    return Line(number, file.strip(), _even(written), written, cells)


def _even(text: str) -> str:
    """Text without white space around it, one blank where it has some, letters composed."""
    return " ".join(unicodedata.normalize("NFC", text).split())


def _cell(value: Any) -> float | str | None:
    """A number where it is one; text that says "nothing" is nothing."""
    text = "" if value is None else str(value).strip()
    if text.lower() in _NONE:
        return None
    try:
        number = float(text)
    except ValueError:
        return text
    return number if math.isfinite(number) else text


def _refuse_twins(path: Path, lines: Sequence[Line]) -> None:
    known: dict[str, int] = {}
    for line in lines:
        if line.file in known:
            found = f"{shown(line.file)} stands in rows {known[line.file]} and {line.number}"
            raise DataError(f"{shown(path)}: {found}; remove one of them")
        known[line.file] = line.number


def _refuse_cases(path: Path, lines: Sequence[Line]) -> None:
    known: dict[str, Line] = {}
    for line in lines:
        first = known.setdefault(line.label.casefold(), line)
        if first.label != line.label:
            found = f"classes {first.label!r} (row {first.number}) and {line.label!r} (row {line.number})"
            raise DataError(f"{shown(path)}: {found} differ only in case; write them alike")


def _refuse_mixture(path: Path, lines: Sequence[Line], name: str) -> None:
    """Text among numbers is a slip of the hand, and would silently make a whole column no parameter."""
    cells = [(line.number, line.cells.get(name)) for line in lines]
    texts = [(number, cell) for number, cell in cells if isinstance(cell, str)]
    if texts and any(isinstance(cell, float) for _, cell in cells):
        row, text = texts[0]
        raise DataError(f"{shown(path)}: column {name!r} holds {text!r} in row {row}, wanted a number; correct it")
