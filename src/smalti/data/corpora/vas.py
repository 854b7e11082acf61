"""VAS: a folder per class of videos, their sound or its pictures; `vas_train.txt`, `vas_valid.txt` of `class/name`.

Source: the lists are those of github.com/v-iashin/SpecVQGAN, data folder.
"""

from pathlib import Path, PurePosixPath

from smalti.data.corpora.rows import Row, listed_lines, recording_name, recordings

_SPLITS = ("train", "valid")


def vas(source: Path) -> list[Row]:
    """All recordings; label is the first folder, split that of the list which names `label/name`.

    Raises:
        DataError: if one of the two lists is not there.
    """
    splits = {line: split for split in _SPLITS for line in listed_lines(source, f"vas_{split}.txt")}
    rows: list[Row] = []
    for path in recordings(source):
        label = PurePosixPath(path).parts[0]
        rows.append({"path": path, "label": label, "split": splits.get(f"{label}/{recording_name(path)}")})
    return rows


def vas_labels(source: Path) -> list[str]:
    """All classes of the lists, whichever of them are there."""
    return sorted({line.partition("/")[0] for split in _SPLITS for line in listed_lines(source, f"vas_{split}.txt")})
