"""What an encoder's vectors know, by the name of a run: scores, maps and the vectors themselves."""

import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch

from smalti.core import Audio, ParameterError, nearest, need
from smalti.data.manifest import Manifest
from smalti.data.split import group_columns, groups
from smalti.evaluate import LatentSettings, collect, evaluate_latents
from smalti.evaluate.latent_space import counted
from smalti.evaluate.reports import to_json
from smalti.evaluate.vectors import spread_over
from smalti.systems.hearing import RunName
from smalti.systems.latent_maps import draw_maps, save_vectors
from smalti.systems.registry import load_encoder
from smalti.systems.sources import held_rows, sounds
from smalti.transcode.files import Progress, no_progress

_MOST_NUMBERED = 64  # different whole numbers that are still classes


def score_latents(
    run: RunName,
    data: Path,
    *,
    by: Sequence[str] = ("label",),
    group: str | None = None,
    split: str = "",
    to: Path | None = None,
    settings: LatentSettings | None = None,
    progress: Progress = no_progress,
) -> dict[str, Any]:
    """Scores of an encoder's vectors on each column; recordings that cannot be read are listed.

    Of more recordings than `settings.vectors` some are drawn, evenly from the classes of the first column.
    A column of texts, or of at most 64 different whole numbers, holds classes; one of other numbers is only drawn.

    Args:
        run: of an encoder, or of a codec that is one, maybe with a rate.
        data: a manifest.
        by: its columns to ask for.
        group: its column whose equal values are never on both sides of a split; see `smalti.data.split.groups`.
        split: rows to hear, or "all"; if empty, the test rows if there are any, else all.
        to: a folder for maps (COLUMN-frames.png, COLUMN-recordings.png) and vectors.npz; None writes nothing.
        settings: how vectors are asked; the defaults if None.
        progress: told (recordings heard and levels scored, in all).
    Raises:
        ParameterError: for an unknown column, one that cannot be scored, or a library that is missing.
        DataError: if no recording can be read.
        StoreError, SpecError: if run or target cannot be used.
    """
    begin, settings = time.perf_counter(), settings or LatentSettings()
    need("sklearn", extra="evaluate", what="scores of latents")
    if to is not None:
        need("matplotlib", extra="report", what="maps of latents")
    manifest = _drawn(held_rows(Manifest.read(data), split), by, settings)
    classes, numbers = _columns(manifest, by, drawn=to is not None)
    together, encoder = " ".join(group_columns(manifest, group)) or "path", load_encoder(run)
    origins = groups(manifest, group)
    for name, column in classes.items():
        counted(name, column, origins)  # refuses what would be refused after everything was heard
    failed: list[dict[str, str]] = []
    heard, everything = list[int](), manifest.rows + 2 * len(classes)

    def clips() -> Iterator[tuple[str, Audio]]:
        for row, audio in sounds(manifest, encoder.sample_rate, failed):
            heard.append(row)
            progress(row + 1, everything)
            yield manifest.table["path"][row].as_py(), audio

    vectors = collect(encoder, clips(), recordings=manifest.rows, most=settings.vectors, seed=settings.seed)
    known = [origins[row] for row in heard]
    classes = {name: [column[row] for row in heard] for name, column in classes.items()}
    scores = evaluate_latents(
        vectors,
        classes,
        known,
        settings=settings,
        progress=lambda done, _: progress(manifest.rows + done, everything),
    )
    shown = {**classes, **{name: [column[row] for row in heard] for name, column in numbers.items()}}
    drawn: list[Path] = []
    if to is not None:
        drawn = draw_maps(vectors, shown, known, to, settings)
        save_vectors(vectors, shown, to / "vectors.npz")
    spent = time.perf_counter() - begin
    return {
        "files": len(heard),
        "failed": failed,
        "dim": encoder.dim,
        "hop": encoder.hop,
        "frames": len(vectors.seconds),
        "group": together,
        "columns": to_json(scores),
        "maps": [str(path) for path in drawn],
        "audio_seconds": vectors.audio_seconds,
        "seconds": spent,
        "real_time_factor": spent / vectors.audio_seconds,
    }


def _drawn(manifest: Manifest, by: Sequence[str], settings: LatentSettings) -> Manifest:
    """No more recordings than are asked for, evenly of the classes of the first column."""
    if manifest.rows <= settings.vectors:
        return manifest
    known = manifest.table[by[0]].to_pylist() if by[0] in manifest.table.column_names else [None] * manifest.rows
    places = {value: place for place, value in enumerate(dict.fromkeys(known))}
    owner = torch.tensor([places[value] for value in known])
    return manifest.select(spread_over(owner, settings.vectors, seed=settings.seed).tolist())


def _columns(
    manifest: Manifest, by: Sequence[str], *, drawn: bool
) -> tuple[dict[str, list[str | None]], dict[str, list[float]]]:
    """Columns of classes, and columns of numbers.

    Raises:
        ParameterError: if there is none of that name, or it holds numbers and is not drawn.
    """
    names = manifest.table.column_names
    classes, numbers = dict[str, list[str | None]](), dict[str, list[float]]()
    for name in dict.fromkeys(by):
        if name not in names:
            raise ParameterError(f"column {name!r} is unknown; {nearest(name, names)}")
        values: list[Any] = manifest.table[name].to_pylist()
        known = {value for value in values if value is not None}
        if not all(isinstance(value, int | float) for value in known):
            classes[name] = [str(value) if value else None for value in values]
        elif len(known) <= _MOST_NUMBERED and all(value == int(value) for value in known):
            classes[name] = [None if value is None else str(int(value)) for value in values]
        elif drawn:
            numbers[name] = [float("nan") if value is None else float(value) for value in values]
        else:
            raise ParameterError(f"column {name!r} holds numbers, wanted classes; give --to as well to have it drawn")
    return classes, numbers
