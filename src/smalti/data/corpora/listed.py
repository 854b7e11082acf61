"""A folder with a manifest of its own: its labels, folds and parameters are kept, files it does not list are added."""

import csv
from pathlib import Path

from smalti.data.corpora.rows import Row, recordings
from smalti.data.tables import read_table

_MEASURED = ("seconds", "sample_rate", "channels", "flags")  # found out anew


def listed(source: Path) -> list[Row]:
    """The rows of `manifest.csv` or `manifest.parquet` in the folder, and every other recording below it."""
    path = next((p for p in _candidates(source) if p.is_file()), _candidates(source)[0])
    table = read_table(path)
    kept = [name for name in table.column_names if name not in _MEASURED]
    rows = table.select(kept).to_pylist()
    known = {row["path"] for row in rows}
    return rows + [{"path": path} for path in recordings(source) if path not in known]


def holds_labelled_manifest(source: Path) -> bool:
    """Whether a folder's own manifest has paths and labels; any other table of that name is not ours to use."""
    for path in _candidates(source):
        if path.is_file():
            names = _csv_names(path) if path.suffix == ".csv" else read_table(path).column_names
            return {"path", "label"} <= set(names)
    return False


def _candidates(source: Path) -> tuple[Path, Path]:
    return source / "manifest.csv", source / "manifest.parquet"


def _csv_names(path: Path) -> list[str]:
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        return next(csv.reader(file), [])
