"""What is done to a crop before it is learnt from: other speeds, other rooms, other levels, silence."""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from smalti.systems.almtokenizer.config import VaryConfig

_PEAK = 1.0
_FAINT_DB = (-70.0, -20.0)
_KNOTS = 8  # of an equaliser's curve


@dataclass(frozen=True, slots=True)
class Variation:
    """What happens to one crop.

    Attributes:
        gain: factor, with its sign.
        speed: of playing; the crop is made of count · speed samples.
        curve: dB at frequencies evenly spaced in octaves, from below to above; None leaves the tone alone.
        silent: nothing is heard.
        together: another crop sounds with it.
    """

    gain: float
    speed: float
    curve: Float[Tensor, " knot"] | None
    silent: bool
    together: bool


def draw(config: VaryConfig, generator: torch.Generator) -> Variation:
    """One variation; always as many random numbers, so that one setting does not change what another draws."""
    level, sign, silent, faint, far, speed, together = torch.rand(7, generator=generator, dtype=torch.float64).tolist()
    knots = 2 * torch.rand(_KNOTS, generator=generator) - 1
    decibels = _between(config.gain_db, level) + (_between(_FAINT_DB, far) if faint < config.faint else 0.0)
    low, high = (math.log(each) for each in config.speed)
    return Variation(
        gain=10 ** (decibels / 20) * (1 if sign < 0.5 else -1),
        speed=math.exp(low + speed * (high - low)),
        curve=config.equaliser_db * knots if config.equaliser_db else None,
        silent=silent < config.silent,
        together=together < config.together,
    )


def vary(sound: Float[Tensor, " longer"], count: int, variation: Variation) -> Float[Tensor, " sample"]:
    """`count` samples of a crop, played and coloured as drawn, at a level whose peak is no more than full scale."""
    if variation.silent:
        return torch.zeros(count)
    if len(sound) != count or variation.curve is not None:
        sound = _played(sound, count, variation.curve)
    peak = float(sound.abs().max())
    gain = math.copysign(min(abs(variation.gain), _PEAK / max(peak, 1e-9)), variation.gain)
    return gain * sound


def _played(sound: Tensor, count: int, curve: Tensor | None) -> Tensor:
    """Resampled to `count` samples and coloured, both by the spectrum of the whole crop."""
    spectrum = torch.fft.rfft(sound)
    bins = count // 2 + 1
    heard = torch.zeros(bins, dtype=spectrum.dtype)
    shared = min(bins, len(spectrum))
    heard[:shared] = spectrum[:shared]
    if curve is not None:
        # octaves below the highest frequency
        octave = (torch.arange(bins).clamp(min=1) / bins).log2() + _KNOTS - 1
        heard = heard * 10 ** (_smooth(curve, octave.clamp(0, _KNOTS - 1)) / 20)
    return torch.fft.irfft(heard, n=count) * (count / len(sound))


def _smooth(curve: Tensor, place: Tensor) -> Tensor:
    """The curve at fractional places, its knots joined by half waves of a cosine."""
    low = place.floor().long().clamp(max=len(curve) - 2)
    share = (1 - torch.cos(math.pi * (place - low))) / 2
    return torch.lerp(curve[low], curve[low + 1], share)


def _between(ends: tuple[float, float], share: float) -> float:
    return ends[0] + share * (ends[1] - ends[0])
