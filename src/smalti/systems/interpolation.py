"""Sounds on the way from one recording to the next, by the name of a run whose clips have latents."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from smalti.audio import read
from smalti.core import ParameterError
from smalti.generate import Sampling, Way, between, condition, generate
from smalti.systems.embedding import load_latent_lm
from smalti.transcode import write_decoded


@dataclass(frozen=True, slots=True, kw_only=True)
class InterpolateReport:
    """What lies on the way.

    Attributes:
        files: sounds written.
        paths: where they lie.
        shares: of the way from the first recording (0) over the second (1) to the last.
        audio_seconds: of sound.
        seconds, real_time_factor: taken, and per second of sound.
    """

    files: int
    paths: tuple[str, ...]
    shares: tuple[float, ...]
    audio_seconds: float
    seconds: float
    real_time_factor: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """The way from each recording to the next.

    Attributes:
        steps: sounds on it, both ends included.
        way: along an arc or a line.
    """

    steps: int = 5
    way: Way = "slerp"

    def __post_init__(self) -> None:
        if self.steps < 2:
            raise ParameterError(f"found {self.steps} steps, wanted the two ends at least; give 2 or more")


@torch.no_grad()
def interpolate(
    run: str | Path,
    audio: Sequence[str | Path],
    *,
    to: Path,
    route: Route | None = None,
    seconds: float | None = None,
    label: str | None = None,
    sampling: Sampling,
    seed: int = 0,
) -> InterpolateReport:
    """Decode the latents of recordings and what lies between them; one recording alone is decoded as it is.

    The ends are the recordings' own latents: their sounds are what these give by themselves, code for code.

    Args:
        run: a language model's run whose clips have latents.
        audio: recordings, passed in this order.
        to: a folder for step-1.wav, step-2.wav, …
        route: how many sounds, and along which line.
        seconds: length of each; None is that of the longest recording, as far as a latent hears it.
        label: what the model is told; None tells nothing.
        sampling: how codes are chosen, with the same seed for all: what differs is the latent's doing.
    Raises:
        ParameterError: for no recording, or an unknown label.
        DataError, StoreError, SpecError: if a recording, run or target cannot be used.
    """
    begin = time.perf_counter()
    if not audio:
        raise ParameterError("found no recording, wanted one at least; name some")
    lm, codec = load_latent_lm(run)
    spec = codec.spec
    sounds = [read(path, sample_rate=spec.sample_rate) for path in audio]
    heard = min(lm.heard * spec.hop / spec.sample_rate, max(sound.seconds for sound in sounds))
    length = heard if seconds is None else seconds
    told = condition(lm.schema, label=label, settings=(), seconds=length, frame_rate=spec.frame_rate)
    ends = torch.cat([lm.infer(codec.encode(sound)).mean for sound in sounds])
    shares, latents = _passed(ends, route or Route())
    codes = generate(lm.at(latents), told, sampling=sampling, seeds=[seed] * len(shares))
    samples = round(length * spec.sample_rate)
    paths = [to / f"step-{number}.wav" for number in range(1, len(shares) + 1)]
    for row, path in zip(codes, paths, strict=True):
        write_decoded(codec, [row], path, samples=samples)
    spent, sound = time.perf_counter() - begin, len(paths) * length
    return InterpolateReport(
        files=len(paths),
        paths=tuple(str(path) for path in paths),
        shares=tuple(shares),
        audio_seconds=sound,
        seconds=spent,
        real_time_factor=spent / sound,
    )


def _passed(ends: Float[Tensor, "end latent"], route: Route) -> tuple[list[float], Tensor]:
    """All latents on the way, each end once."""
    shares, latents = [0.0], [ends[0]]
    for number, (first, second) in enumerate(pairwise(ends)):
        for step in range(1, route.steps):
            share = step / (route.steps - 1)
            shares.append(number + share)
            latents.append(between(first, second, share, way=route.way))
    return shares, torch.stack(latents)
