"""Maps of vectors in the colours of a manifest's columns, and the vectors themselves, as files."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch

from smalti.evaluate import LatentSettings, Vectors
from smalti.evaluate.latent_space import counted, splits_of
from smalti.evaluate.maps import Map, lda, pca, tsne
from smalti.evaluate.scatter import draw
from smalti.store import replace_file

Column = Sequence[str | None] | Sequence[float]


def draw_maps(
    vectors: Vectors, columns: Mapping[str, Column], groups: Sequence[str], to: Path, settings: LatentSettings
) -> list[Path]:
    """A picture of each column at both levels: PCA and t-SNE and, of classes, LDA on what it was not fitted on.

    Args:
        vectors: as from `smalti.evaluate.collect`.
        columns: by name, the class or number of each recording.
        groups: where each recording comes from.
        to: a folder for COLUMN-frames.png and COLUMN-recordings.png.
        settings: that the columns were scored with.
    Returns:
        What was written.
    """
    written: list[Path] = []
    for word, level in (("frames", vectors.frames), ("recordings", vectors.recordings)):
        features = level.spaces["encoder"]
        owners: list[int] = level.recording.tolist()
        blind = [pca(features), tsne(features, seed=settings.seed)]
        for name, column in columns.items():
            maps = [*blind]
            if not isinstance(column[0], float):
                counts = counted(name, [value if isinstance(value, str) else None for value in column], groups)
                rows, labels, splits = splits_of(level, counts, groups, settings)
                if len(splits[0].train) > len(set(labels)):  # fewer rows cannot say how classes spread
                    found = lda(features[rows], labels, splits[0])
                    maps.append(Map(found.name, torch.tensor(rows)[found.rows], found.places))
            written.append(to / f"{re.sub('[^A-Za-z0-9_-]+', '_', name)}-{word}.png")
            draw(maps, [column[owner] for owner in owners], written[-1], title=f"{name} ({word})")
    return written


def save_vectors(vectors: Vectors, columns: Mapping[str, Column], to: Path) -> None:
    """Write the vectors as .npz, whole or not at all.

    Arrays: `path` and `column_NAME` of each recording; `recordings`, mean and deviation of each; `frames`, the vectors
    kept, with `frame_recording` (a position in `path`) and `frame_seconds`.
    """
    known = {f"column_{name}": np.array([value or "" for value in column]) for name, column in columns.items()}
    numbers = {f"column_{name}": np.array(column) for name, column in columns.items() if isinstance(column[0], float)}
    arrays = {
        "path": np.array(vectors.names),
        "recordings": vectors.recordings.spaces["encoder"].numpy(),
        "frames": vectors.frames.spaces["encoder"].numpy(),
        "frame_recording": vectors.frames.recording.numpy(),
        "frame_seconds": vectors.seconds.numpy(),
    }
    with replace_file(to) as temp:
        np.savez(temp, allow_pickle=False, **(known | numbers | arrays))
