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
"""A constant; breakpoints (seconds, value) joined by straight lines; or values spread evenly from start to end."""


def track(curve: Curve, *, parameter: Parameter, seconds: float) -> Track:
    """A curve in the parameter's unit as its values at 0, 10, 20 … ms, `ceil(100 * seconds)` of them.

    Breakpoints are joined in the unit itself, also where the parameter's scale is log; before the first and after the
    last the value stands still.

    Raises:
        ParameterError: if a value is outside the parameter's range, or breakpoints do not go forward in time.
    """
    times = np.arange(math.ceil(seconds * CONTROL_RATE - 1e-9)) / CONTROL_RATE
    at, values = _points(curve, parameter.key, seconds)
    for value in (values.min(), values.max()):
        parameter.normalise(float(value))
    return np.interp(times, at, values)


def read(values: Track, times: Float[np.ndarray, " moment"]) -> Float[np.ndarray, " moment"]:
    """A track's values at any moments, in seconds; straight lines between its points."""
    return np.interp(times * CONTROL_RATE, np.arange(len(values)), values)


def cycles(rate: Track) -> Float[np.ndarray, " edge"]:
    """Cycles passed at 0, 10, 20 … ms when a track gives cycles per second; one value more than the track."""
    return np.concatenate(([0.0], np.cumsum(rate) / CONTROL_RATE))


def mean(values: Track, parameter: Parameter) -> float:
    """The one value that stands for a track: the mean in the parameter's own scale (geometric where that is log)."""
    if parameter.scale == "log":
        return float(np.exp(np.log(values).mean()))
    return float(values.mean())


def _points(curve: Curve, key: str, seconds: float) -> tuple[Float[np.ndarray, " point"], Float[np.ndarray, " point"]]:
    """Times and values of a curve's corners."""
    if isinstance(curve, int | float):
        at, values = np.zeros(1), np.array([float(curve)])
    elif isinstance(curve, np.ndarray):
        at, values = np.linspace(0.0, seconds, len(curve)), curve.astype(np.float64)
    else:
        at, values = np.array([t for t, _ in curve], dtype=float), np.array([v for _, v in curve], dtype=float)
    if not len(values) or not np.isfinite(values).all() or (np.diff(at) < 0).any():
        raise ParameterError(f"the curve of {key} is {curve!r:.80}; give finite values whose times go forward")
    return at, values
