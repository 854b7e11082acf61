"""FSD50K: `FSD50K.ground_truth/dev.csv` (fname, labels, mids, split) and `eval.csv`, audio in two folders beside them.

Source: zenodo.org/records/4060432.
"""

from pathlib import Path

from smalti.core import DataError
from smalti.data.corpora.rows import Row, csv_rows

_PARTS = {"dev": "FSD50K.dev_audio", "eval": "FSD50K.eval_audio"}
_SPLITS = {"train": "train", "val": "valid"}


def fsd50k(source: Path) -> list[Row]:
    """All listed clips; `label` is the first of a clip's labels, `labels` all of them with commas between.

    Raises:
        DataError: if neither list is there.
    """
    tables = {part: source / "FSD50K.ground_truth" / f"{part}.csv" for part in _PARTS}
    found = {part: path for part, path in tables.items() if path.is_file()}
    if not found:
        raise DataError(f"{source}: holds no FSD50K.ground_truth/dev.csv; name the folder that holds it")
    return [
        {
            "path": f"{_PARTS[part]}/{row['fname']}.wav",
            "label": row["labels"].split(",")[0],
            "split": _split(row.get("split")) if part == "dev" else "test",
            "labels": row["labels"],
        }
        for part, path in found.items()
        for row in csv_rows(path)
    ]


def _split(told: str | None) -> str | None:
    """The house's name of a development split; one that is unknown stays, and is not trained on."""
    return _SPLITS.get(told, told) if told else None
