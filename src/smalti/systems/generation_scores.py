"""Scores of a language model, of tokens or of mel frames, by the name of its run: what a manifest knows decides what
can be asked."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from smalti.core import LatentLM, ParameterError, Schema, TokenLM
from smalti.data.manifest import Manifest
from smalti.evaluate import (
    ContinuationScore,
    ContinuationSettings,
    FrameSounding,
    GenerationReport,
    GenerationSettings,
    MovementSettings,
    References,
    Sounding,
    Sweep,
    TokenSounding,
    evaluate_continuation,
    evaluate_generation,
    evaluate_morphs,
    evaluate_movements,
)
from smalti.features import FrameLM
from smalti.generate import Sampling, generate_frames
from smalti.systems.frame_sounds import vocoder_of
from smalti.systems.generation import language_codes
from smalti.systems.hearing import Heard, RunName, heard_as
from smalti.systems.references import references_of, sounds_of
from smalti.systems.registry import TOKENIZER, find_run, load_codec_of, load_generator
from smalti.systems.texture_sweeps import texture_sweeps
from smalti.transcode.files import Progress, no_progress

_REASONS = {
    "label_accuracy": "wants a model with labels, and real clips of two of them or more",
    "parameter_correlation": "wants a parameter that can be measured",
    "bits_per_token": "wants a model of tokens, and real ones, learnt and held out",
    "copy_rate": "wants a model of tokens, and some that were learnt, as long as a span",
    "frechet": "wants four real clips or more",
    "continuation": "wants a model of tokens that goes from frame to frame, and real clips of two seconds or more",
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
        schema, sample_rate: the model's.
        vocab: of its tokens; None of mel frames.
    """

    report: GenerationReport
    schema: Schema
    sample_rate: int
    vocab: int | None


def score_generation(
    run: RunName, data: Path | None = None, *, asking: Asking | None = None, progress: Progress = no_progress
) -> GenerationScores:
    """Scores of a language model; what is not known (no data, no labels, no textures) leaves out its scores.

    Parameters of texture labels are asked for at values between the steps of any even grid and measured by ear.

    Args:
        run: a language model's run folder, maybe with a vocoder for its codec or its frames.
        data: a manifest with the splits "train" and "test"; None asks only what needs no real sounds.
        asking: what is asked.
        progress: told (clips done, in all) of each stage.
    Raises:
        ParameterError: if tokens are given to a model of frames.
        DataError, StoreError, SpecError: if data, run or vocoder cannot be used.
    """
    asking = asking or Asking()
    model = _sounding(heard_as(run), asking)
    references = _references(model, data, asking)
    if asking.sweeps is not None:
        sweeps, references = asking.sweeps, replace(references, held_out=())
    else:
        sweeps = texture_sweeps(
            model.schema,
            seconds=asking.seconds,
            sample_rate=model.sample_rate,
            values=asking.clips,
            seed=asking.seed,
        )
    report = evaluate_generation(
        model,
        references=references,
        sweeps=sweeps,
        settings=GenerationSettings(
            seconds=asking.seconds, clips_per_label=asking.clips, null_clips=asking.null_clips, seed=asking.seed
        ),
        progress=lambda stage, done, total: progress(done, total),
    )
    report = replace(report, continuation=_continued(model, references, asking))
    if asking.movements is not None:
        report = _moved(report, model, sweeps=sweeps, asking=asking, progress=progress)
    missing = {key: reason for key, reason in _REASONS.items() if getattr(report, key) is None}
    vocab = model.codec.spec.vocab if isinstance(model, TokenSounding) else None
    return GenerationScores(replace(report, left_out=missing or None), model.schema, model.sample_rate, vocab)


def _sounding(named: Heard, asking: Asking) -> TokenSounding | FrameSounding:
    folder = find_run(named.run)
    lm = load_generator(folder)
    if not isinstance(lm, FrameLM):
        codec = load_codec_of(named.of(folder / TOKENIZER), lm.spec)
        return TokenSounding(lm, codec, partial(language_codes, lm, sampling=asking.sampling))
    if asking.tokens is not None:
        raise ParameterError(f"found tokens ({asking.tokens}) for a model of mel frames, wanted none; leave them out")
    return FrameSounding(lm, vocoder_of(lm.picture, named), partial(generate_frames, lm, sampling=asking.sampling))


def _references(model: TokenSounding | FrameSounding, data: Path | None, asking: Asking) -> References:
    if data is None:
        return References()
    manifest = Manifest.read(data)
    if isinstance(model, FrameSounding):
        return sounds_of(manifest, model.sample_rate)
    return references_of(manifest, model.lm, model.codec, tokens=asking.tokens)


def _continued(model: Sounding, references: References, asking: Asking) -> ContinuationScore | None:
    if not isinstance(model, TokenSounding) or not isinstance(model.lm, TokenLM) or isinstance(model.lm, LatentLM):
        return None
    return evaluate_continuation(
        model.lm,
        partial(language_codes, model.lm, sampling=asking.sampling),
        held_out=references.held_out_codes,
        training=references.training_codes,
        settings=ContinuationSettings(seed=asking.seed),
    )


def _moved(
    report: GenerationReport, model: Sounding, *, sweeps: Sequence[Sweep], asking: Asking, progress: Progress
) -> GenerationReport:
    def tell(stage: str, done: int, total: int) -> None:
        progress(done, total)

    moved = evaluate_movements(model, sweeps=sweeps, settings=asking.movements, progress=tell)
    morphed = evaluate_morphs(model, settings=asking.movements, progress=tell)
    return replace(report, trajectories=moved or None, morphs=morphed or None)
