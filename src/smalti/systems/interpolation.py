"""Sounds on the way from one recording to the next, by the name of a run: of a codec, or of a model of clips."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from smalti.audio import read
from smalti.core import Codec, LatentCodec, ParameterError, SpecError
from smalti.generate import Sampling, between, condition, generate
from smalti.systems.codec_paths import write_path
from smalti.systems.embedding import load_latent_lm
from smalti.systems.hearing import RunName, heard_as
from smalti.systems.registry import load, load_codec
from smalti.systems.routes import Passed, Route
from smalti.transcode import write_decoded


@dataclass(frozen=True, slots=True, kw_only=True)
class InterpolateReport:
    """What lies on the way.

    Attributes:
        files: sounds written.
        failed: path and reason of recordings of a label that could not be read.
        paths: where they lie.
        shares: of the way from the first recording (0) over the second (1) to the last; none of a sound that glides.
        audio_seconds: of sound.
        seconds, real_time_factor: taken, and per second of sound.
    """

    files: int
    failed: tuple[dict[str, str], ...]
    paths: tuple[str, ...]
    shares: tuple[float, ...]
    audio_seconds: float
    seconds: float
    real_time_factor: float


@torch.no_grad()
def interpolate(
    run: RunName,
    audio: Sequence[str | Path],
    *,
    to: Path,
    route: Route | None = None,
    seconds: float | None = None,
    label: str | None = None,
    sampling: Sampling | None = None,
    seed: int = 0,
) -> InterpolateReport:
    """Decode the latents of recordings and what lies between them; one recording alone is decoded as it is.

    The ends are the recordings' own: of a codec their reconstructions, of a model what their latents give by
    themselves, code for code.

    Args:
        run: of a codec whose latents can be heard, maybe with a rate; or of a language model whose clips have latents.
        audio: recordings, passed in this order; or labels, see `Route`.
        to: a folder for step-1.wav, step-2.wav, … or glide.wav.
        route: how many sounds, and along which line.
        seconds: length of each; None is, of a model, that of the longest recording, as far as a latent hears it; of a
            codec that of each end, and between them what lies between.
        label: what a model is told; None tells nothing.
        sampling: how a model's codes are chosen, with the same seed for all: what differs is the latent's doing.
        seed: of them.
    Raises:
        ParameterError: for no recording, an unknown label, or what this run cannot do.
        DataError, StoreError, SpecError: if a recording, run or target cannot be used.
    """
    begin, route, name = time.perf_counter(), route or Route(), heard_as(run).run
    if not audio:
        raise ParameterError("found no recording, wanted one at least; name some")
    if isinstance(load(name), Codec):
        codec = load_codec(run)
        if not isinstance(codec, LatentCodec):
            raise SpecError(f"{name} is a codec without latents to move; name a run of almtokenizer")
        if label is not None:
            raise ParameterError(f"found label {label!r} for a codec, which is told none; leave it out")
        passed = write_path(codec, audio, to=to, route=route, seconds=seconds)
    else:
        if route.asks_for_a_codec:
            raise ParameterError(f"{name} is a model of clips, found a way of codecs; leave shift, glide and data out")
        passed = _of_model(name, audio, to, route, seconds, label, sampling or Sampling(temperature=0), seed)
    spent = time.perf_counter() - begin
    return InterpolateReport(
        files=len(passed.paths),
        failed=passed.failed,
        paths=tuple(str(path) for path in passed.paths),
        shares=passed.shares,
        audio_seconds=passed.seconds,
        seconds=spent,
        real_time_factor=spent / passed.seconds,
    )


def _of_model(
    run: str | Path,
    audio: Sequence[str | Path],
    to: Path,
    route: Route,
    seconds: float | None,
    label: str | None,
    sampling: Sampling,
    seed: int,
) -> Passed:
    lm, codec = load_latent_lm(run)
    spec = codec.spec
    sounds = [read(path, sample_rate=spec.sample_rate) for path in audio]
    heard = min(lm.heard * spec.hop / spec.sample_rate, max(sound.seconds for sound in sounds))
    length = heard if seconds is None else seconds
    told = condition(lm.schema, label=label, settings=(), seconds=length, frame_rate=spec.frame_rate)
    ends = torch.cat([lm.infer(codec.encode(sound)).mean for sound in sounds])
    shares, latents = _passed(ends, route)
    codes = generate(lm.at(latents), told, sampling=sampling, seeds=[seed] * len(shares))
    paths = route.paths(to, len(ends))
    for row, path in zip(codes, paths, strict=True):
        write_decoded(codec, [row], path, samples=round(length * spec.sample_rate))
    return Passed(paths=paths, shares=shares, seconds=len(paths) * length)


def _passed(ends: Float[Tensor, "end latent"], route: Route) -> tuple[tuple[float, ...], Tensor]:
    """All latents on the way, each end once."""
    legs, way = route.legs(len(ends)), route.line("slerp")
    onwards = [min(leg + 1, len(ends) - 1) for leg, _ in legs]
    latents = [between(ends[leg], ends[to], share, way=way) for (leg, share), to in zip(legs, onwards, strict=True)]
    return tuple(leg + share for leg, share in legs), torch.stack(latents)
