"""VGGSound: `vggsound.csv` without a header (YouTube id, start in seconds, label, split) beside the clips.

Clips are named `ID_SSSSSS` (start in seconds, six digits) or, as SpecVQGAN names them, `ID_START_END` in milliseconds.

Source: robots.ox.ac.uk/~vgg/data/vggsound.
"""

from pathlib import Path, PurePosixPath

from smalti.data.corpora.rows import Row, csv_rows, recordings

_CLIP_SECONDS = 10


def vggsound(source: Path) -> list[Row]:
    """The recordings below the folder that the list names; most people hold only some of all clips."""
    by_stem = {PurePosixPath(path).stem: path for path in recordings(source)}
    rows: list[Row] = []
    for row in csv_rows(source / "vggsound.csv", ("id", "start", "label", "split")):
        start = int(row["start"])
        names = (f"{row['id']}_{start:06d}", f"{row['id']}_{start * 1000}_{(start + _CLIP_SECONDS) * 1000}")
        path = next((by_stem[name] for name in names if name in by_stem), None)
        if path is not None:
            rows.append({"path": path, "label": row["label"], "split": row["split"]})
    return rows
