"""Generate by the name of a run: what is asked becomes tokens, and the run's own codec makes them sound."""

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Int64
from torch import Tensor

from smalti.audio import read
from smalti.core import Audio, Codec, Condition, LanguageModel, MaskedLM, ParameterError, SpecError, TokenLM, Tokens
from smalti.features import FrameLM
from smalti.generate import Sampling, block_frames, condition, generate_masked, inpaint, parse_setting
from smalti.generate import generate as generate_codes
from smalti.store import SmtWriter
from smalti.systems.frame_sounds import frame_sounds, frames_of
from smalti.systems.hearing import Heard, RunName, heard_as
from smalti.systems.registry import TOKENIZER, find_run, load_codec_of, load_generator
from smalti.transcode import write_decoded

_ONLY_BEFORE = (
    "this model hears only what comes before, wanted one that fills gaps, such as melgpt/masked; "
    "or let it continue the beginning (--prompt-seconds)"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerateReport:
    """What was generated.

    Attributes:
        files: sounds written.
        paths: where they lie.
        seeds: of each.
        audio_seconds: of sound, prompts included.
        seconds: taken.
        real_time_factor: seconds per second of sound.
        bitrate: of the tokens, bits per second; None of a model without tokens.
    """

    files: int
    paths: tuple[str, ...]
    seeds: tuple[int, ...]
    audio_seconds: float
    seconds: float
    real_time_factor: float
    bitrate: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """A recording that is there already.

    Attributes:
        path: of it.
        seconds: its beginning that is heard; None for all of it.
        gap: seconds from its beginning, from and to, that are made anew; None continues behind its end.
    """

    path: Path
    seconds: float | None = None
    gap: tuple[float, float] | None = None


@torch.no_grad()
def generate(
    run: RunName,
    *,
    to: Path,
    seconds: float | None = None,
    label: str | None = None,
    settings: Sequence[str] = (),
    prompt: Prompt | None = None,
    sampling: Sampling,
    seeds: Sequence[int] = (0,),
) -> GenerateReport:
    """Generate one sound per seed and write each; what cannot be asked is refused before the model is called.

    Args:
        run: a language model's run folder or shipped name, maybe with a vocoder for its codec or its frames.
        to: `OUT.wav`, or `OUT.smt` for the tokens alone, or `OUT.npy` for a frame model's log-mels; with several seeds
            `OUT-1.wav`, `OUT-2.wav`, …
        seconds: length of each, behind the prompt; not for a gap, which is as long as it is.
        label: class of sound; None asks for none.
        settings: parameters as people write them, such as `rate=0:2,10:16`.
        prompt: a recording to continue, whose last frame is left out if it is not full; or to make a gap of anew, where
            the frames that it touches are new and every other code is kept. Behind a model of frames it is heard
            through the vocoder as well.
        sampling: how codes are chosen.
        seeds: one for each sound.
    Raises:
        ParameterError: for an unknown label or parameter, a value out of range, a prompt shorter than a frame, a gap
            that is not inside it, or seconds that are missing or too many.
        SpecError: if the codec in the run is another than the model's, or the model cannot fill gaps.
        DataError, StoreError: if prompt, run or target cannot be used.
    """
    begin = time.perf_counter()
    folder = find_run(run)
    lm = load_generator(folder)
    if isinstance(lm, FrameLM):
        told = _Told(label, tuple(settings), sampling, tuple(seeds))
        return _of_frames(lm, heard_as(run), told, to=to, seconds=seconds, prompt=prompt)
    codec, spec = load_codec_of(heard_as(run).of(folder / TOKENIZER), lm.spec), lm.spec
    gap = prompt.gap if prompt is not None else None
    _refuse_length(seconds, gap)
    heard = _prompt(codec, prompt) if prompt is not None else None
    length = seconds if seconds is not None else float(heard.lengths[0]) / spec.sample_rate if heard else 0.0
    read_settings = [parse_setting(text) for text in settings]
    asked = condition(lm.schema, label=label, settings=read_settings, seconds=length, frame_rate=spec.frame_rate)
    if heard is not None and gap is not None:
        codes, samples = _fill_gap(lm, heard, asked, gap, sampling, seeds), int(heard.lengths[0])
    else:
        codes = language_codes(lm, asked, sampling=sampling, seeds=seeds, prompt=heard)
        samples = round(length * spec.sample_rate) + (int(heard.lengths[0]) if heard is not None else 0)
    paths = _write(codec, codes, to, samples=samples)
    return _report(paths, seeds, begin=begin, seconds=samples / spec.sample_rate, bitrate=spec.bitrate)


@dataclass(frozen=True, slots=True)
class _Told:
    """What a sound is to be and how it is chosen."""

    label: str | None
    settings: tuple[str, ...]
    sampling: Sampling
    seeds: tuple[int, ...]


def _of_frames(
    lm: FrameLM, named: Heard, told: _Told, *, to: Path, seconds: float | None, prompt: Prompt | None
) -> GenerateReport:
    begin, picture = time.perf_counter(), lm.picture
    if prompt is not None and prompt.gap is not None:
        raise SpecError(_ONLY_BEFORE)
    if seconds is None:
        raise _missing_seconds()
    settings = [parse_setting(text) for text in told.settings]
    frame_rate = picture.frame_rate
    asked = condition(lm.schema, label=told.label, settings=settings, seconds=seconds, frame_rate=frame_rate)
    paths = _paths(to, len(told.seeds))
    samples = frame_sounds(
        lm,
        asked,
        named=named,
        paths=paths,
        samples=round(seconds * picture.sample_rate),
        prompt=None if prompt is None else frames_of(_beginning(prompt, picture.sample_rate), picture),
        sampling=told.sampling,
        seeds=told.seeds,
    )
    names = tuple(str(path) for path in paths)
    return _report(names, told.seeds, begin=begin, seconds=samples / picture.sample_rate, bitrate=None)


def _report(
    paths: tuple[str, ...], seeds: Sequence[int], *, begin: float, seconds: float, bitrate: float | None
) -> GenerateReport:
    spent, sound = time.perf_counter() - begin, len(paths) * seconds
    return GenerateReport(
        files=len(paths),
        paths=paths,
        seeds=tuple(seeds),
        audio_seconds=sound,
        seconds=spent,
        real_time_factor=spent / sound,
        bitrate=bitrate,
    )


def language_codes(
    lm: LanguageModel,
    condition: Condition,
    *,
    sampling: Sampling,
    seeds: Sequence[int],
    prompt: Tokens | None = None,
) -> Int64[Tensor, "batch codebook frame"]:
    """Codes of any language model, by the loop that it needs; arguments and errors as of `smalti.generate.generate`."""
    if isinstance(lm, TokenLM):
        return generate_codes(lm, condition, sampling=sampling, seeds=seeds, prompt=prompt)
    return generate_masked(lm, condition, sampling=sampling, seeds=seeds, prompt=prompt)


def prompt_of(path: Path | None, *, seconds: float | None = None, gap: str | None = None) -> Prompt | None:
    """A prompt as people write it, the gap as `FROM:TO` in seconds; None if there is none.

    Raises:
        ParameterError: if the gap cannot be read so, TO is not behind FROM, or something is said of no prompt.
    """
    if path is None:
        if seconds is not None or gap is not None:
            raise ParameterError("there is no prompt to hear or to make a part of anew; give one (--prompt)")
        return None
    return Prompt(path=path, seconds=seconds, gap=None if gap is None else _gap(gap))


def _gap(text: str) -> tuple[float, float]:
    try:
        first, last = (float(part) for part in text.split(":"))
        if 0 <= first < last < math.inf:
            return first, last
    except ValueError:
        pass
    raise ParameterError(f"gap {text!r} cannot be read; write FROM:TO in seconds, such as 1.5:2.5")


def _refuse_length(seconds: float | None, gap: tuple[float, float] | None) -> None:
    if seconds is None and gap is None:
        raise _missing_seconds()
    if seconds is not None and gap is not None:
        raise ParameterError(f"found {seconds:g} seconds and a gap, which is as long as it is; leave one out")


def _missing_seconds() -> ParameterError:
    return ParameterError("seconds are missing; give the length of the new sound (--seconds)")


def _beginning(prompt: Prompt, sample_rate: int) -> Audio:
    """As much of a prompt's recording as is to be heard."""
    audio = read(prompt.path, sample_rate=sample_rate)
    samples = int(audio.lengths[0])
    if prompt.seconds is not None:
        samples = min(samples, round(prompt.seconds * sample_rate))
    return Audio.single(audio.samples[0, :samples], sample_rate)


def _prompt(codec: Codec, prompt: Prompt) -> Tokens:
    """A recording as tokens; to be continued in whole frames, as a last one partly silent would go on as silence."""
    audio = _beginning(prompt, codec.spec.sample_rate)
    samples, hop = int(audio.lengths[0]), codec.spec.hop
    if prompt.gap is None:
        samples = samples // hop * hop
    if samples < hop:
        wanted = hop / codec.spec.sample_rate
        raise ParameterError(
            f"{prompt.path} gives {audio.seconds:.3f} s, a prompt needs {wanted:.3f} s; give more of it"
        )
    return codec.encode(Audio.single(audio.samples[0, :samples], audio.sample_rate))


def _fill_gap(
    lm: LanguageModel,
    heard: Tokens,
    asked: Condition,
    gap: tuple[float, float],
    sampling: Sampling,
    seeds: Sequence[int],
) -> Int64[Tensor, "batch codebook frame"]:
    if not isinstance(lm, MaskedLM):
        raise SpecError(_ONLY_BEFORE)
    first, last = (second * heard.spec.frame_rate for second in gap)
    frames = slice(math.floor(first + 1e-6), min(math.ceil(last - 1e-6), int(heard.frames[0])))
    return inpaint(lm, heard, asked, frames=frames, sampling=sampling, seeds=seeds)


def _write(codec: Codec, codes: Int64[Tensor, "batch codebook frame"], to: Path, *, samples: int) -> tuple[str, ...]:
    paths = _paths(to, len(codes))
    for row, path in zip(codes, paths, strict=True):
        if path.suffix == ".smt":
            with SmtWriter(path, codec.spec) as writer:
                writer.append(row)
                writer.finish(samples=samples)
        else:
            write_decoded(codec, row.split(block_frames(codec.spec), dim=1), path, samples=samples)
    return tuple(str(path) for path in paths)


def _paths(to: Path, count: int) -> list[Path]:
    """`OUT.wav`, or with several sounds `OUT-1.wav`, `OUT-2.wav`, …"""
    return [to.with_name(f"{to.stem}-{i}{to.suffix}") for i in range(1, count + 1)] if count > 1 else [to]
