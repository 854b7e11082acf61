"""Scores by the name of a run: what a manifest knows decides what can be asked."""

import time
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from smalti.audio import read
from smalti.core import Audio, Codec, Condition, LanguageModel, Parameter
from smalti.data.manifest import Manifest
from smalti.data.textures import TEXTURES, estimate, render_clip
from smalti.evaluate import (
    ConditionedCodes,
    GenerationSettings,
    LabelledClip,
    References,
    Sweep,
    evaluate_codec,
    evaluate_generation,
    evaluate_vocoder,
    opus_peer,
)
from smalti.generate import Sampling
from smalti.nn.griffin_lim import GriffinLimVocoder
from smalti.systems.generation import language_codes
from smalti.systems.hearing import RunName
from smalti.systems.registry import TOKENIZER, find_run, load_codec, load_codec_of, load_language_model, load_vocoder
from smalti.systems.show import SaysItsSize
from smalti.systems.sources import held_rows, sounds
from smalti.transcode.files import Progress, no_progress

_OPUS = {"opus_6k": 6000, "opus_8k": 8000}  # bit/s
_OFFSET = 0.382  # of sweep values between even steps, so that they are not those of an even grid
_MOST_CLIPS = 400


def score_codec(run: RunName, data: Path, *, split: str = "", progress: Progress = no_progress) -> dict[str, Any]:
    """Scores of a codec on recordings, beside Opus at 6 and 8 kbit/s; recordings that cannot be read are listed.

    Args:
        run: a codec's run folder or shipped name, maybe with a rate or a vocoder.
        data: a manifest.
        split: rows to hear; if empty, the test rows if there are any, else all.
        progress: told (recordings done, in all).
    Raises:
        DataError: if none can be read.
        StoreError, SpecError: if the run cannot be used.
    """
    begin = time.perf_counter()
    codec, manifest = load_codec(run), held_rows(Manifest.read(data), split)
    failed: list[dict[str, str]] = []
    clips = _clips(manifest, codec.spec.sample_rate, failed)
    names = manifest.table["path"].to_pylist()
    labels = {name: label for name, label in zip(names, manifest.labels(), strict=True) if label}
    peers = {name: peer for name, rate in _OPUS.items() if (peer := opus_peer(rate))}
    report = evaluate_codec(
        codec, clips, labels=labels, peers=peers, progress=lambda done: progress(done, manifest.rows)
    ).to_json()
    seconds = time.perf_counter() - begin
    spent = {"failed": failed, "seconds": seconds, "real_time_factor": seconds / report["audio_seconds"]}
    return {**report, **spent}


def score_vocoder(run: str | Path, data: Path, *, split: str = "", progress: Progress = no_progress) -> dict[str, Any]:
    """Scores of a vocoder on recordings, beside Griffin-Lim on the same; recordings that cannot be read are listed.

    Arguments and errors as of `score_codec`.
    """
    begin = time.perf_counter()
    vocoder, manifest = load_vocoder(run), held_rows(Manifest.read(data), split)
    failed: list[dict[str, str]] = []
    clips = _clips(manifest, vocoder.picture.sample_rate, failed)
    peers = {"griffin_lim": GriffinLimVocoder(vocoder.picture)}
    report = evaluate_vocoder(vocoder, clips, peers=peers, progress=lambda done: progress(done, manifest.rows))
    size = {"parameter_count": vocoder.parameter_count} if isinstance(vocoder, SaysItsSize) else {}
    return {**report.to_json(), **size, "failed": failed, "seconds": time.perf_counter() - begin}


def score_generation(
    run: str | Path,
    data: Path | None = None,
    *,
    seconds: float = 4.0,
    clips: int = 25,
    seed: int = 0,
    sampling: Sampling | None = None,
    progress: Progress = no_progress,
) -> dict[str, Any]:
    """Scores of a language model; what is not known (no data, no labels, no textures) leaves out its scores.

    Parameters of texture labels are asked for at values between the steps of any even grid and measured by ear.

    Args:
        run: a language model's run folder.
        data: a manifest with the splits "train" and "test"; None asks only what needs no real sounds.
        seconds: length of a generated clip.
        clips: of each label without parameters, and values of each parameter.
        seed: of everything drawn.
        sampling: how codes are chosen.
        progress: told (clips done, in all) of each stage.
    Raises:
        DataError, StoreError, SpecError: if data or run cannot be used.
    """
    folder = find_run(run)
    lm = load_language_model(folder)
    codec = load_codec_of(folder / TOKENIZER, lm.spec)
    report = evaluate_generation(
        lm,
        codec,
        partial(language_codes, lm, sampling=sampling or Sampling()),
        references=_references(Manifest.read(data), lm, codec) if data is not None else References(),
        sweeps=texture_sweeps(lm, seconds=seconds, sample_rate=codec.spec.sample_rate, values=clips, seed=seed),
        settings=GenerationSettings(seconds=seconds, clips_per_label=clips, seed=seed),
        progress=lambda stage, done, total: progress(done, total),
    )
    return report.to_json()


def texture_sweeps(lm: LanguageModel, *, seconds: float, sample_rate: int, values: int, seed: int = 0) -> list[Sweep]:
    """A sweep of every parameter of the model that is one of a texture's and that an ear can measure."""
    known = [p for p in lm.schema.parameters if p.label in TEXTURES and p.name in TEXTURES[str(p.label)].estimate]
    return [_sweep(p, seconds=seconds, sample_rate=sample_rate, values=values, seed=seed) for p in known]


def _sweep(parameter: Parameter, *, seconds: float, sample_rate: int, values: int, seed: int) -> Sweep:
    label, name = str(parameter.label), parameter.name

    def render(value: float, index: int) -> torch.Tensor:
        own = seed * 1_000_003 + index
        return render_clip(label, {name: value}, seconds=seconds, sample_rate=sample_rate, seed=own).samples

    asked = tuple(parameter.denormalise((i + _OFFSET) / values) for i in range(values))
    return Sweep(label=label, name=name, values=asked, measure=partial(estimate, label, name), render=render)


def _clips(manifest: Manifest, sample_rate: int, failed: list[dict[str, str]]) -> Iterator[tuple[str, Audio]]:
    names = manifest.table["path"].to_pylist()
    return ((names[row], audio) for row, audio in sounds(manifest, sample_rate, failed))


def _references(manifest: Manifest, lm: LanguageModel, codec: Codec) -> References:
    """Real clips of both splits, at most 400 of each, and their tokens."""
    training, held_out = (_evenly(manifest.split(name)) for name in ("train", "test"))
    heard, unheard = _labelled(training, codec), _labelled(held_out, codec)
    told = held_out.conditions(lm.schema)
    codes = [_codes(codec, clip) for clip in unheard]
    conditions = [_held(told.rows(torch.tensor([row])), codes[row].shape[1]) for row in range(len(codes))]
    return References(
        training=heard,
        held_out=unheard,
        training_codes=[_codes(codec, clip) for clip in heard],
        held_out_codes=[ConditionedCodes(*pair) for pair in zip(codes, conditions, strict=True)],
    )


def _evenly(manifest: Manifest) -> Manifest:
    return manifest.select(np.unique(np.linspace(0, manifest.rows - 1, _MOST_CLIPS).astype(np.int64)))


def _labelled(manifest: Manifest, codec: Codec) -> Sequence[LabelledClip]:
    sounds = [read(path, sample_rate=codec.spec.sample_rate).samples[0] for path in manifest.paths()]
    return [LabelledClip(*pair) for pair in zip(sounds, manifest.labels(), strict=True)]


def _codes(codec: Codec, clip: LabelledClip) -> torch.Tensor:
    return codec.encode(Audio.single(clip.samples, codec.spec.sample_rate)).codes[0]


def _held(condition: Condition, frames: int) -> Condition:
    return Condition(condition.labels.expand(1, frames), condition.values.expand(1, frames, -1))
