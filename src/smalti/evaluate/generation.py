"""Scores of a generative model: does it sound like its label, obey its knobs, expect real tokens, and not recite?

Everything is measured on what training never used: held-out parameter values, held-out clips, held-out tokens. A key
that does not apply (no labels, no parameters, nothing to compare with) is left out of the report.
"""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from smalti.core import ParameterError
from smalti.evaluate.clips import GeneratedClip, Progress, sound_clips, write_clips
from smalti.evaluate.embedding import clip_statistics
from smalti.evaluate.frechet import FrechetScore, frechet_score
from smalti.evaluate.generation_report import GenerationReport
from smalti.evaluate.labels import label_score
from smalti.evaluate.plan import Plan, plan
from smalti.evaluate.real import RealClips, References, real_clips
from smalti.evaluate.sounding import Sounding, TokenSounding
from smalti.evaluate.sweeps import Measured, Sweep, null_values, parameter_score
from smalti.evaluate.token_scores import with_token_scores

_FRECHET_BANDS = 8
_FEWEST_CLIPS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationSettings:
    """How much is generated, and in what portions.

    Attributes:
        seconds: length of every clip.
        null_clips: per label with a sweep, made without parameters.
        clips_per_label: of labels without a sweep; of the whole, for a model without labels.
        rows: clips generated in one batch.
        decode_rows: clips decoded in one batch.
        seed: of everything drawn.
    """

    seconds: float = 4.0
    null_clips: int = 40
    clips_per_label: int = 16
    rows: int = 128
    decode_rows: int = 5
    seed: int = 0

    def __post_init__(self) -> None:
        if self.seconds <= 0 or min(self.clips_per_label, self.rows, self.decode_rows) < 1 or self.null_clips < 0:
            raise ParameterError(f"{self} cannot be generated; give seconds above zero and one clip or more at a time")


def evaluate_generation(
    model: Sounding,
    *,
    references: References,
    sweeps: Sequence[Sweep] = (),
    settings: GenerationSettings | None = None,
    progress: Progress = lambda stage, done, total: None,
) -> GenerationReport:
    """Generate clips and score them.

    Args:
        model: `TokenSounding`, whose tokens are scored as well, or `FrameSounding`.
        references: what is real; what is missing leaves out the scores that need it.
        sweeps: parameters asked for at held-out values.
        settings: how much to generate.
        progress: told the stage ("generate", "decode", "ceiling"), and how many of how many clips are done.
    Raises:
        ParameterError: if a sweep's label or parameter is unknown or a value is outside its range; before any clip is
            generated.
    """
    settings = settings or GenerationSettings()
    asked = plan(
        model.schema,
        sweeps,
        null_clips=settings.null_clips,
        clips_per_label=settings.clips_per_label,
        seed=settings.seed,
    )
    begin = time.perf_counter()
    clips = _generated(model, asked=asked, settings=settings, progress=progress)
    seconds = time.perf_counter() - begin
    samples, rate = len(clips[0].samples), model.sample_rate
    real = real_clips(model, sweeps, references.held_out, samples=samples, rows=settings.decode_rows, progress=progress)
    answers = clips[: asked.judged]
    generator = torch.Generator().manual_seed(settings.seed)
    labels = label_score(answers, real, [clip.cut(samples) for clip in references.training], sample_rate=rate)
    report = GenerationReport(
        label_accuracy=labels and labels.accuracy,
        label_accuracy_by_label=labels and labels.by_label,
        label_accuracy_truth=labels and labels.truth,
        label_accuracy_ceiling=labels and labels.ceiling,
        parameter_correlation={
            sweep.key: parameter_score(
                _measured(sweep, clips, real, asked=asked, sample_rate=rate, generator=generator),
                sweep.parameter(model.schema),
                generator=generator,
            )
            for sweep in sweeps
        }
        or None,
        frechet=_frechet(answers, real, sample_rate=rate, generator=generator),
        clips=len(clips),
        audio_seconds=len(clips) * samples / rate,
        seconds=seconds,
        real_time_factor=seconds * rate / (len(clips) * samples),
        generated=answers,
    )
    is_of_tokens = isinstance(model, TokenSounding)
    return with_token_scores(report, model.lm, references, seed=settings.seed) if is_of_tokens else report


def _generated(
    model: Sounding, *, asked: Plan, settings: GenerationSettings, progress: Progress
) -> list[GeneratedClip]:
    frames = max(1, round(settings.seconds * model.frame_rate))
    written = write_clips(model, asked.requests, frames=frames, rows=settings.rows, progress=progress)
    sounds = sound_clips(model, written, rows=settings.decode_rows, progress=progress)
    return [GeneratedClip(*parts) for parts in zip(asked.requests, written, sounds, strict=True)]


def _measured(
    sweep: Sweep,
    clips: Sequence[GeneratedClip],
    real: RealClips,
    *,
    asked: Plan,
    sample_rate: int,
    generator: torch.Generator,
) -> Measured:
    null = asked.null[sweep.label]
    rendered = real.rendered.get(sweep.key, range(0))

    def measure(sounds: Iterable[Tensor]) -> list[float]:
        return [float(sweep.measure(sound, sample_rate)) for sound in sounds]

    return Measured(
        asked=list(sweep.values),
        generated=measure(clips[i].samples for i in asked.asked[sweep.key]),
        null_asked=null_values(sweep.values, clips=len(null), generator=generator),
        null=measure(clips[i].samples for i in null),
        truth=measure(real.truth[i] for i in rendered),
        ceiling=measure(real.ceiling[i] for i in rendered),
    )


def _frechet(
    clips: Sequence[GeneratedClip], real: RealClips, *, sample_rate: int, generator: torch.Generator
) -> FrechetScore | None:
    if min(len(clips), len(real.truth)) < _FEWEST_CLIPS:
        return None
    made = clip_statistics((clip.samples for clip in clips), sample_rate, bands=_FRECHET_BANDS)
    truth, heard = (clip_statistics(c, sample_rate, bands=_FRECHET_BANDS) for c in (real.truth, real.ceiling))
    return frechet_score(made, real=truth, ceiling=heard, generator=generator)
