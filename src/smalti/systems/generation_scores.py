"""Scores of a language model by the name of its run: what a manifest knows decides what can be asked."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from smalti.core import Codec, LanguageModel, LatentLM, Schema, TokenLM, TokenSpec
from smalti.data.manifest import Manifest
from smalti.evaluate import (
    ContinuationSettings,
    GenerationReport,
    GenerationSettings,
    MovementSettings,
    References,
    Sweep,
    evaluate_continuation,
    evaluate_generation,
    evaluate_morphs,
    evaluate_movements,
)
from smalti.generate import Sampling
from smalti.systems.generation import language_codes
from smalti.systems.references import references_of
from smalti.systems.registry import TOKENIZER, find_run, load_codec_of, load_language_model
from smalti.systems.texture_sweeps import texture_sweeps
from smalti.transcode.files import Progress, no_progress

_REASONS = {
    "label_accuracy": "wants a model with labels, and real clips of two of them or more",
    "parameter_correlation": "wants a parameter that can be measured",
    "bits_per_token": "wants real tokens, learnt and held out",
    "copy_rate": "wants tokens that were learnt, as long as a span",
    "frechet": "wants four real clips or more",
    "continuation": "wants a model that goes from frame to frame, and real clips of two seconds or more",
    "trajectories": "wants to be asked for, and a parameter that can be measured while it moves",
    "morphs": "wants to be asked for, and a model with two labels or more",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """What is asked of a model.

    Attributes:
        seconds: length of a generated clip.
        clips: of each label without parameters, and values of each parameter.
        null_clips: of each label, made without parameters: 40 are uncertain by .16, 160 by .08.
        seed: of everything drawn.
        sampling: how codes are chosen.
        movements: None, or how long clips are in which a parameter moves or a label becomes another.
        tokens: a store of the manifest's recordings, so that copies are looked for in all of what was learnt and not in
            400 clips of it.
        sweeps: parameters and values, whose real clips are then the only held-out ones; None asks for every parameter
            of a texture that an ear can measure.
    """

    seconds: float = 4.0
    clips: int = 25
    null_clips: int = 40
    seed: int = 0
    sampling: Sampling = field(default_factory=Sampling)
    movements: MovementSettings | None = None
    tokens: Path | None = None
    sweeps: Sequence[Sweep] | None = None


@dataclass(frozen=True, slots=True)
class GenerationScores:
    """What was found, and what a page needs besides.

    Attributes:
        report: the scores.
        schema, spec: the model's.
    """

    report: GenerationReport
    schema: Schema
    spec: TokenSpec


def score_generation(
    run: str | Path, data: Path | None = None, *, asking: Asking | None = None, progress: Progress = no_progress
) -> GenerationScores:
    """Scores of a language model; what is not known (no data, no labels, no textures) leaves out its scores.

    Parameters of texture labels are asked for at values between the steps of any even grid and measured by ear.

    Args:
        run: a language model's run folder.
        data: a manifest with the splits "train" and "test"; None asks only what needs no real sounds.
        asking: what is asked.
        progress: told (clips done, in all) of each stage.
    Raises:
        DataError, StoreError, SpecError: if data or run cannot be used.
    """
    asking = asking or Asking()
    folder = find_run(run)
    lm = load_language_model(folder)
    codec = load_codec_of(folder / TOKENIZER, lm.spec)
    rate = codec.spec.sample_rate
    references = references_of(Manifest.read(data), lm, codec, tokens=asking.tokens) if data else References()
    if asking.sweeps is not None:
        sweeps, references = asking.sweeps, replace(references, held_out=())
    else:
        sweeps = texture_sweeps(lm, seconds=asking.seconds, sample_rate=rate, values=asking.clips, seed=asking.seed)
    generate = partial(language_codes, lm, sampling=asking.sampling)
    report = evaluate_generation(
        lm,
        codec,
        generate,
        references=references,
        sweeps=sweeps,
        settings=GenerationSettings(
            seconds=asking.seconds, clips_per_label=asking.clips, null_clips=asking.null_clips, seed=asking.seed
        ),
        progress=lambda stage, done, total: progress(done, total),
    )
    if isinstance(lm, TokenLM) and not isinstance(lm, LatentLM):
        settings = ContinuationSettings(seed=asking.seed)
        held, known = references.held_out_codes, references.training_codes
        report = replace(
            report,
            continuation=evaluate_continuation(lm, generate, held_out=held, training=known, settings=settings),
        )
    if asking.movements is not None:
        report = _moved(report, lm, codec, sweeps=sweeps, asking=asking, progress=progress)
    missing = {key: reason for key, reason in _REASONS.items() if getattr(report, key) is None}
    return GenerationScores(replace(report, left_out=missing or None), lm.schema, codec.spec)


def _moved(
    report: GenerationReport,
    lm: LanguageModel,
    codec: Codec,
    *,
    sweeps: Sequence[Sweep],
    asking: Asking,
    progress: Progress,
) -> GenerationReport:
    generate = partial(language_codes, lm, sampling=asking.sampling)

    def tell(stage: str, done: int, total: int) -> None:
        progress(done, total)

    moved = evaluate_movements(lm, codec, generate, sweeps=sweeps, settings=asking.movements, progress=tell)
    morphed = evaluate_morphs(lm, codec, generate, settings=asking.movements, progress=tell)
    return replace(report, trajectories=moved or None, morphs=morphed or None)
