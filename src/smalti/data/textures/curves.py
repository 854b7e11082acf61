"""Curves: a parameter may stand still or move; everything downstream reads both as a track of 100 values a second."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float

from smalti.core import Parameter, ParameterError

CONTROL_RATE = 100
"""Values per second of a track; value i stands for the moment i / 100 s."""

Track = Float[np.ndarray, " control"]
Tracks = Mapping[str, Track]
Curve = float | Sequence[tuple[float, float]] | Float[np.ndarray, " point"]
"""A constant; breakpoints (seconds, value) to pass through; or values spread evenly from start to end."""


def track(curve: Curve, *, parameter: Parameter, seconds: float) -> Track:
    """A curve in the parameter's unit as its values at 0, 10, 20 … ms, `ceil(100 * seconds)` of them.

    Between its points a curve moves evenly in the parameter's own scale (on a log one 2 to 8 passes 4 half-way); before
    the first and after the last it stands still.

    Raises:
        ParameterError: if a value is outside the parameter's range, or breakpoints do not go forward in time.
    """
    times = np.arange(math.ceil(seconds * CONTROL_RATE - 1e-9)) / CONTROL_RATE
    at, values = _points(curve, parameter.key, seconds)
    heights = np.array([parameter.normalise(value) for value in values.tolist()])
    passed = np.interp(times, at, heights)
    if parameter.scale == "log":
        return np.clip(parameter.low * (parameter.high / parameter.low) ** passed, parameter.low, parameter.high)
    return np.clip(parameter.low + (parameter.high - parameter.low) * passed, parameter.low, parameter.high)


def read(values: Track, times: Float[np.ndarray, " moment"]) -> Float[np.ndarray, " moment"]:
    """A track's values at any moments, in seconds; straight lines between its points."""
    return np.interp(times * CONTROL_RATE, np.arange(len(values)), values)


def cycles(rate: Track) -> Float[np.ndarray, " edge"]:
    """Cycles passed at 0, 10, 20 … ms when a track gives cycles per second; one value more than the track."""
    return np.concatenate(([0.0], np.cumsum(rate) / CONTROL_RATE))


def mean(values: Track, parameter: Parameter) -> float:
    """The one value that stands for a track: the mean in the parameter's own scale, to nine digits."""
    middle = np.exp(np.log(values).mean()) if parameter.scale == "log" else values.mean()
    return float(f"{middle:.9g}")


def _points(curve: Curve, key: str, seconds: float) -> tuple[Float[np.ndarray, " point"], Float[np.ndarray, " point"]]:
    """Times and values of a curve's corners."""
    if isinstance(curve, int | float):
        at, values = np.zeros(1), np.full(1, float(curve))
    elif isinstance(curve, np.ndarray):
        at, values = np.linspace(0.0, seconds, len(curve)), curve.astype(np.float64)
    else:
        at, values = np.array([t for t, _ in curve], dtype=float), np.array([v for _, v in curve], dtype=float)
    if not len(values) or not np.isfinite(values).all() or (np.diff(at) < 0).any():
        raise ParameterError(f"the curve of {key} is {curve!r:.80}; give finite values whose times go forward")
    return at, values
