"""What is heard in recordings, by the name of a run that has learnt to say it."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from smalti.core import Audio, DataError, SpecError, Tagger, reasons
from smalti.evaluate.vectors import batches
from smalti.systems.registry import load
from smalti.systems.sources import sounds
from smalti.systems.transcoding import recordings, require_one_source
from smalti.transcode.files import Progress, no_progress


@dataclass(frozen=True, slots=True, kw_only=True)
class TagReport:
    """What was heard.

    Attributes:
        files: recordings that were heard; `failed` lists path and reason of the others.
        tagged: path, label and score in 0…1 of the likeliest classes, recording by recording, the best first.
        audio_seconds: of sound.
        seconds, real_time_factor: taken, and per second of sound.
    """

    files: int
    failed: tuple[dict[str, str], ...]
    tagged: tuple[dict[str, object], ...]
    audio_seconds: float
    seconds: float
    real_time_factor: float


def load_tagger(run: str | Path) -> Tagger:
    """Open a run that says which classes it hears.

    Raises:
        StoreError: if the run cannot be used.
        SpecError: if it is something else.
    """
    model = load(run)
    if not isinstance(model, Tagger):
        remedy = "import one with its classifier (smalti import matpac FILE --head FILE)"
        raise SpecError(f"{run} has no classes to tell, wanted a model that has; {remedy}")
    return model


def tag(
    run: str | Path,
    audio: Sequence[str | Path] = (),
    *,
    data: Path | None = None,
    top: int = 5,
    progress: Progress = no_progress,
) -> TagReport:
    """Name the likeliest classes of every recording.

    Args:
        run: of a tagger.
        audio: recordings.
        data: a manifest of recordings, in place of `audio`.
        top: classes named of each.
        progress: told (recordings done, in all).
    Raises:
        ParameterError: for both or neither of `audio` and `data`.
        DataError: if none can be read.
        StoreError, SpecError: if the run cannot be used.
    """
    begin = time.perf_counter()
    require_one_source(audio, data)
    tagger = load_tagger(run)
    manifest, failed = recordings(audio, data)
    refused: list[dict[str, str]] = [*failed]
    names = [str(name) for name in manifest.table["path"].to_pylist()]
    tagged: list[dict[str, object]] = []
    files = samples = 0
    for batch in batches(sounds(manifest, tagger.sample_rate, refused)):
        scores = tagger.scores(Audio.batch(sound for _, sound in batch))
        best = scores.topk(min(top, scores.shape[1]))
        for (row, sound), values, places in zip(batch, best.values.tolist(), best.indices.tolist(), strict=True):
            for place, value in zip(places, values, strict=True):
                tagged.append({"path": names[row], "label": tagger.labels[place], "score": value})
            files += 1
            samples += sound.samples.shape[1]
            progress(row + 1, manifest.rows)
    if not tagged:
        raise DataError(reasons(refused))
    spent, seconds = time.perf_counter() - begin, samples / tagger.sample_rate
    return TagReport(
        files=files,
        failed=tuple(refused),
        tagged=tuple(tagged),
        audio_seconds=seconds,
        seconds=spent,
        real_time_factor=spent / seconds,
    )
