"""VGGSound: `vggsound.csv` without a header (YouTube id, start in seconds, label, split) beside the clips.

Clips are named `ID_SSSSSS` (start in seconds, six digits) or, as SpecVQGAN names them, `ID_START_END` in milliseconds.

Source: robots.ox.ac.uk/~vgg/data/vggsound.
"""

from collections.abc import Iterator
from pathlib import Path

from smalti.core import DataError
from smalti.data.corpora.rows import Row, csv_rows, recording_name, recordings

_CLIP_SECONDS = 10


def vggsound(source: Path) -> list[Row]:
    """The recordings, or mel pictures, below the folder that the list names; most people hold only some of all clips.

    Raises:
        DataError: if `vggsound.csv` lies neither in the folder nor in the two above it, or cannot be read.
    """
    by_name = {recording_name(path): path for path in recordings(source)}
    rows: list[Row] = []
    for row in _listed(source):
        start = int(row["start"])
        names = (f"{row['id']}_{start:06d}", f"{row['id']}_{start * 1000}_{(start + _CLIP_SECONDS) * 1000}")
        path = next((by_name[name] for name in names if name in by_name), None)
        if path is not None:
            rows.append({"path": path, "label": row["label"], "split": row["split"]})
    return rows


def vggsound_labels(source: Path) -> list[str]:
    """All classes of the list, whichever of them are there."""
    return sorted({row["label"] for row in _listed(source)})


def _listed(source: Path) -> Iterator[dict[str, str]]:
    places = [folder / "vggsound.csv" for folder in (source, *source.resolve().parents[:2])]
    path = next((place for place in places if place.is_file()), None)
    if path is None:
        raise DataError(f"{source}: holds no vggsound.csv, nor do the two folders above it; copy the list there")
    return csv_rows(path, ("id", "start", "label", "split"))
