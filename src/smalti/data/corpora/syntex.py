"""Syntex data frames: one sheet, "Full File Name", "Class Name" and then one column a parameter, beside the clips.

CSV, or Excel with the optional `pip install 'smalti[excel]'`. Source: github.com/lonce/DACSynthformer.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from smalti.audio import shown
from smalti.core import DataError
from smalti.data.corpora.rows import Row, list_file
from smalti.data.tables import read_table

_FILE, _CLASS = "Full File Name", "Class Name"


def syntex(source: Path) -> list[Row]:
    """All listed clips; every column right of "Class Name" is kept, numbers as numbers.

    Raises:
        DataError: if the sheet is missing, lacks one of its two columns, or is Excel without the extra.
    """
    path = list_file(source, "*.xlsx", "*.csv")
    rows = _excel(path) if path.suffix.lower() == ".xlsx" else read_table(path, required=(_FILE, _CLASS)).to_pylist()
    return [
        {"path": str(row[_FILE]), "label": str(row[_CLASS]), **dict(list(row.items())[list(row).index(_CLASS) + 1 :])}
        for row in rows
        if row[_FILE] is not None
    ]


def _excel(path: Path) -> Iterable[Row]:
    try:
        from openpyxl import load_workbook
    except ImportError as error:
        raise DataError(
            f"{shown(path)}: is an Excel sheet; reading it needs pip install 'smalti[excel]', or save it as CSV"
        ) from error
    try:
        sheet: Any = load_workbook(path, read_only=True, data_only=True).active
        names, *values = sheet.iter_rows(values_only=True)
    except (OSError, ValueError, KeyError, AttributeError) as error:
        raise DataError(f"{shown(path)}: cannot be read as an Excel sheet ({error}); save it as CSV") from error
    if not {_FILE, _CLASS} <= set(names):
        raise DataError(f"{shown(path)}: has no columns {_FILE!r} and {_CLASS!r}; these name the clips and their class")
    return [dict(zip(names, row, strict=True)) for row in values]
