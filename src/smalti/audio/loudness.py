"""How loud a sound is, in LUFS: what people hear, not what the samples reach.

Source: ITU-R BS.1770-4, annex 1: K-weighting (a high shelf for the head, a high-pass for the ear), the power of blocks
of 400 ms that overlap by three quarters, and two gates that leave pauses out.
"""

import math
from dataclasses import dataclass
from functools import lru_cache

import torch
from jaxtyping import Complex128, Float, Float64, Int64
from torch import Tensor
from torch.nn import functional

_QUIETEST = -70.0  # LUFS, of the first gate; silence is said to be as loud
_OFFSET = -0.691  # dB: what K-weighting adds at 997 Hz
_RELATIVE_GATE = -10.0  # dB
_STEPS_PER_SECOND = 10
_STEPS = 4  # of a block
_LEAST_SECONDS = 0.5
_PIECE_STEPS = 45  # filtered at once
_DECAY_SECONDS = 0.25  # after it the filters have forgotten all but 1e-20
_SHELF_HZ, _SHELF_DB = 1681.974450955533, 3.999843853973347
_SHELF_QUALITY, _SHELF_SLOPE = 0.7071752369554196, 0.4996667741545416
_PASS_HZ, _PASS_QUALITY = 38.13547087602444, 0.5003270373238773


@dataclass(frozen=True, slots=True)
class Biquad:
    """A filter of second order: (b0 + b1 z⁻¹ + b2 z⁻²) / (1 + a1 z⁻¹ + a2 z⁻²)."""

    b: tuple[float, float, float]
    a: tuple[float, float]

    def response(self, turn: Complex128[Tensor, " bin"]) -> Complex128[Tensor, " bin"]:
        """What it does to frequencies, each given as z⁻¹."""
        return (self.b[0] + turn * (self.b[1] + turn * self.b[2])) / (1 + turn * (self.a[0] + turn * self.a[1]))


def loudness(samples: Float[Tensor, "channel sample"], sample_rate: int) -> float:
    """The integrated loudness of a sound in LUFS, at least -70.

    A full-scale sine of 997 Hz in one channel has -3.01. A sound below half a second is taken to end in silence.

    Args:
        samples: full scale ±1; channels count alike (left, right, centre).
        sample_rate: in Hz.
    Source: ITU-R BS.1770-4. # Differs: nothing is measured below the first gate, as in descript-audiotools.
    """
    power = _block_power(samples, sample_rate)
    heard = power[_level(power) > _QUIETEST]
    heard = heard[_level(heard) > _level(heard.mean()) + _RELATIVE_GATE]
    return max(float(_level(heard.mean())), _QUIETEST) if len(heard) else _QUIETEST


def at_loudness(
    samples: Float[Tensor, "channel sample"], sample_rate: int, lufs: float
) -> Float[Tensor, "channel sample"]:
    """The same sound, louder or softer, so that it has this loudness; full scale may be passed."""
    return samples * 10 ** ((lufs - loudness(samples, sample_rate)) / 20)


def k_weighting(sample_rate: int) -> tuple[Biquad, Biquad]:
    """The two filters of K-weighting at any rate (Hz): those of the standard's table at 48 kHz.

    The standard tells coefficients at one rate only. These are the analogue filters behind them, carried over by the
    bilinear transform, which bends them a little at other rates: by 0.05 dB at 997 Hz of 11 kHz.
    """
    k, gain = math.tan(math.pi * _SHELF_HZ / sample_rate), 10 ** (_SHELF_DB / 20)
    middle, turn = gain**_SHELF_SLOPE, k / _SHELF_QUALITY
    whole = 1 + turn + k * k
    over = (gain + middle * turn + k * k, 2 * (k * k - gain), gain - middle * turn + k * k)
    shelf = Biquad((over[0] / whole, over[1] / whole, over[2] / whole), _poles(k, turn))
    k = math.tan(math.pi * _PASS_HZ / sample_rate)
    return shelf, Biquad((1.0, -2.0, 1.0), _poles(k, k / _PASS_QUALITY))


def _poles(k: float, turn: float) -> tuple[float, float]:
    whole = 1 + turn + k * k
    return 2 * (k * k - 1) / whole, (1 - turn + k * k) / whole


def _level(power: Float64[Tensor, "*block"]) -> Float64[Tensor, "*block"]:
    return _OFFSET + 10 * power.log10()


def _block_power(samples: Float[Tensor, "channel sample"], sample_rate: int) -> Float64[Tensor, " block"]:
    """Mean power of K-weighted blocks of 400 ms, one each 100 ms, summed over channels."""
    least = math.ceil(_LEAST_SECONDS * sample_rate)
    padded = functional.pad(samples, (0, max(0, least - samples.shape[1])))
    steps = padded.shape[1] * _STEPS_PER_SECOND // sample_rate
    edges = torch.arange(steps + 1) * sample_rate // _STEPS_PER_SECOND
    energy = torch.cat([_energy(padded, piece, sample_rate) for piece in edges.unfold(0, 2, 1).split(_PIECE_STEPS)])
    block = torch.stack([energy[k : steps - _STEPS + 1 + k] for k in range(_STEPS)]).sum(0)
    return block / (edges[_STEPS:] - edges[:-_STEPS])


def _energy(
    samples: Float[Tensor, "channel sample"], steps: Int64[Tensor, "step edge"], sample_rate: int
) -> Float64[Tensor, " step"]:
    """Energy of each step, from its first edge to its second, after K-weighting.

    A filter that goes on for ever is a product of spectra here: what lies more than its decay before a step is
    forgotten, what it would still give behind the last one falls into added silence.
    """
    begin, end = int(steps[0, 0]), int(steps[-1, 1])
    decay = math.ceil(_DECAY_SECONDS * sample_rate)
    lead = min(begin, decay)
    size = 1 << (lead + end - begin + decay - 1).bit_length()
    spectrum = torch.fft.rfft(samples[:, begin - lead : end].detach().cpu().double(), size)
    weighted = torch.fft.irfft(spectrum * _response(sample_rate, size), size)[:, lead : lead + end - begin]
    summed = functional.pad(weighted.square().sum(0).cumsum(0), (1, 0))
    return summed[steps[:, 1] - begin] - summed[steps[:, 0] - begin]


@lru_cache(maxsize=4)
def _response(sample_rate: int, size: int) -> Complex128[Tensor, " bin"]:
    """What K-weighting does to the bins of a spectrum of so many samples."""
    turn = torch.exp(-2j * math.pi * torch.arange(size // 2 + 1, dtype=torch.float64) / size)
    shelf, high_pass = k_weighting(sample_rate)
    return shelf.response(turn) * high_pass.response(turn)
