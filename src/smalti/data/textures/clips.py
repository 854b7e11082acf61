"""One clip in memory: rendered from values, or measured."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from smalti.core import ParameterError, nearest
from smalti.data.textures.curves import Curve, Track, mean
from smalti.data.textures.kinds import texture


@dataclass(frozen=True, slots=True)
class Clip:
    """A rendered texture and all that was asked of it.

    Attributes:
        samples: full scale ±1, peak at most 0.9.
        sample_rate: in Hz.
        label: the kind.
        values: one value per parameter, in its unit; the mean (in the parameter's scale) of those that move.
        tracks: each parameter over time, 100 values a second.
    """

    samples: Float[Tensor, " sample"]
    sample_rate: int
    label: str
    values: dict[str, float]
    tracks: dict[str, Track]


def render_clip(
    kind: str,
    values: Mapping[str, Curve] | None = None,
    *,
    seconds: float,
    sample_rate: int = 22_050,
    seed: int = 0,
) -> Clip:
    """A texture as sound; equal arguments give equal bytes, and the same events at every sample rate.

    Args:
        kind: a name in TEXTURES.
        values: parameters in their units, each a constant or a curve; the others stand at their defaults.
        seconds: duration, 0.05 or more.
        sample_rate: in Hz.
        seed: which of all clips with these values.
    Raises:
        ParameterError: if the kind or a parameter is unknown (names the nearest) or a value is out of range.
    """
    chosen = texture(kind)
    wave, tracks = chosen.render(values or {}, seconds=seconds, sample_rate=sample_rate, seed=seed)
    means = {p.name: mean(tracks[p.name], p) for p in chosen.parameters}
    return Clip(torch.from_numpy(wave), sample_rate, kind, means, tracks)


def estimate(
    kind: str, parameter: str, samples: Float[Tensor, " sample"] | Float[np.ndarray, " sample"], sample_rate: int
) -> float:
    """A parameter measured from a waveform alone, in its unit; NaN where there is nothing to measure.

    Never fails on sound, whatever it is: silence, noise, another kind.

    Raises:
        ParameterError: if the kind is unknown or has no measure of that parameter; names the nearest.
    """
    ears = texture(kind).estimate
    if parameter not in ears:
        raise ParameterError(f"{kind} has no measure of {parameter!r}; {nearest(parameter, ears)}")
    value = ears[parameter](np.asarray(samples, dtype=np.float64), sample_rate)
    return value if np.isfinite(value) else float("nan")
