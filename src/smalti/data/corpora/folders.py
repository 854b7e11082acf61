"""A folder per class: `dog/a.wav`, or `train/dog/a.wav` where the first folder names a split."""

from pathlib import Path, PurePosixPath

from smalti.data.corpora.rows import Row, recordings

_SPLITS = {
    "train": "train",
    "training": "train",
    "valid": "valid",
    "validation": "valid",
    "val": "valid",
    "dev": "valid",
    "test": "test",
    "eval": "test",
    "evaluation": "test",
}


def folders(source: Path) -> list[Row]:
    """All recordings; the first folder on the way is the label, files beside the folders have none.

    If every first folder is named like a split, it gives the split and the second the label.
    """
    paths = recordings(source)
    first = {PurePosixPath(path).parts[0].lower() for path in paths if "/" in path}
    in_splits = bool(first) and first <= _SPLITS.keys()
    return [_row(path, in_splits=in_splits) for path in paths]


def _row(path: str, *, in_splits: bool) -> Row:
    *above, _ = PurePosixPath(path).parts
    split = _SPLITS[above.pop(0).lower()] if in_splits and above else None
    return {"path": path, "label": above[0] if above else None, "split": split}
