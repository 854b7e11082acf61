"""Names of a classifier's classes, in the order of its outputs."""

import csv
from pathlib import Path

from smalti.audio import shown
from smalti.core import StoreError
from smalti.store import read_text

_MID, _NAME = "mid", "display_name"


def read_labels(path: Path) -> tuple[str, ...]:
    """One name a line; or AudioSet's table, whose classes stand in the order of their `mid`, as MATPAC's head has them.

    Raises:
        DataError: if it cannot be read.
        StoreError: if it holds no name, or one is empty; says where.
    """
    lines = read_text(path).splitlines()
    header = next(csv.reader(lines[:1]), [])
    if {_MID, _NAME} <= set(header):
        rows = sorted(csv.DictReader(lines), key=lambda row: row[_MID])
        lines = [row[_NAME] for row in rows]
    if not lines or not all(line.strip() for line in lines):
        empty = next((place for place, line in enumerate(lines, start=1) if not line.strip()), 0)
        raise StoreError(f"{shown(path)} has no label in line {empty}; give one a line, in the order of the classes")
    return tuple(line.strip() for line in lines)
