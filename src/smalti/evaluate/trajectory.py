"""Does a sound follow a parameter that moves? Short windows measured along time, beside what was asked."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Float64
from torch import Tensor

from smalti.core import ParameterError, Scale
from smalti.evaluate.calibration import straight
from smalti.evaluate.reports import to_json
from smalti.evaluate.statistics import pearson, spearman

_LAGS = 201
_MOMENTS = 2001  # at which a curve is asked


@dataclass(frozen=True, slots=True, kw_only=True)
class TrajectoryScore:
    """A moving parameter, asked and measured.

    Attributes:
        correlation: Pearson's, of measured with asked values at equal times, on the parameter's own scale; NaN windows
            left out.
        spearman: the same of their ranks.
        lag_seconds: how much later than asked the sound moves: the shift of the asked curve with the least mean
            absolute difference from the measured one.
        times: centres of the windows, in seconds.
        asked, measured: in the parameter's unit, a window's mean of the one and the estimate of the other; NaN where a
            window could not be measured.
    """

    correlation: float
    spearman: float
    lag_seconds: float
    times: tuple[float, ...]
    asked: tuple[float, ...]
    measured: tuple[float, ...]

    def to_json(self) -> dict[str, Any]:
        """The score as reports hold it."""
        return to_json(self)


def trajectory_correlation(
    measure: Callable[[Float[Tensor, " sample"], int], float],
    samples: Float[Tensor, " sample"],
    *,
    sample_rate: int,
    asked: Callable[[float], float],
    window_seconds: float,
    hop_seconds: float,
    scale: Scale = "lin",
) -> TrajectoryScore:
    """Score how a sound follows a curve.

    Args:
        measure: the parameter's estimator: samples and their rate in Hz to a value in the unit.
        samples: the sound.
        sample_rate: Hz.
        asked: value asked at a time in seconds from the start; asked(0) before it.
        window_seconds: long enough for the estimator, short enough for the curve.
        hop_seconds: from one window to the next.
        scale: the parameter's; differences and means are taken on it.
    Raises:
        ParameterError: if fewer than three windows could be measured.
    """
    window, hop = round(window_seconds * sample_rate), round(hop_seconds * sample_rate)
    starts = range(0, len(samples) - window + 1, hop)
    measured = [float(measure(samples[start : start + window], sample_rate)) for start in starts]
    times = [(start + window / 2) / sample_rate for start in starts]
    known = [(time, value) for time, value in zip(times, measured, strict=True) if not math.isnan(value)]
    if len(known) < 3:
        raise ParameterError(
            f"{len(known)} of {len(times)} windows could be measured, wanted three; give a longer sound"
        )
    seconds = len(samples) / sample_rate
    wanted = _Curve.of(asked, seconds=seconds, window=window_seconds, scale=scale)
    heard_at = torch.tensor([time for time, _ in known], dtype=torch.float64)
    found = straight(torch.tensor([value for _, value in known], dtype=torch.float64), scale)
    passed = wanted.means(torch.tensor(times, dtype=torch.float64))
    return TrajectoryScore(
        correlation=float(pearson(wanted.means(heard_at), found)),
        spearman=spearman(wanted.means(heard_at), found),
        lag_seconds=_lag(heard_at, found, wanted, longest=seconds / 2),
        times=tuple(times),
        asked=tuple((passed.exp() if scale == "log" else passed).tolist()),
        measured=tuple(measured),
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Curve:
    """What is asked of a window, on the parameter's own scale: its mean, for an estimator hears all of a window.

    `area[i]` is the integral of the curve from 0 to the moment i / (_MOMENTS - 1) of the whole sound.
    """

    area: Float64[np.ndarray, " moment"]
    first: float
    seconds: float
    window: float

    @classmethod
    def of(cls, asked: Callable[[float], float], *, seconds: float, window: float, scale: Scale) -> "_Curve":
        moments = (np.arange(_MOMENTS - 1) + 0.5) * seconds / (_MOMENTS - 1)
        heights = straight(torch.tensor([asked(m) for m in moments.tolist()], dtype=torch.float64), scale).numpy()
        area = np.concatenate(([0.0], np.cumsum(heights))) * seconds / (_MOMENTS - 1)
        return cls(area, float(heights[0]), seconds, window)

    def means(self, centres: Float64[Tensor, " window"]) -> Float64[Tensor, " window"]:
        """Of the windows around some moments of the sound or before it, where the curve stands at its beginning."""
        ends = (centres.numpy() + self.window / 2, centres.numpy() - self.window / 2)
        grid = np.linspace(0, self.seconds, _MOMENTS)
        high, low = (np.interp(e, grid, self.area) + self.first * np.minimum(e, 0.0) for e in ends)
        return torch.from_numpy((high - low) / self.window)


def _lag(
    times: Float64[Tensor, " window"], found: Float64[Tensor, " window"], wanted: _Curve, *, longest: float
) -> float:
    def difference(lag: float) -> float:
        return float((found - wanted.means(times - lag)).abs().sum())

    return min((longest * step / (_LAGS - 1) for step in range(_LAGS)), key=difference)
