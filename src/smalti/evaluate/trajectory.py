"""Does a sound follow a parameter that moves? Short windows measured along time, beside what was asked."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from smalti.core import ParameterError
from smalti.evaluate.reports import to_json
from smalti.evaluate.statistics import pearson, spearman

_LAGS = 201


@dataclass(frozen=True, slots=True, kw_only=True)
class TrajectoryScore:
    """A moving parameter, asked and measured.

    Attributes:
        correlation: Pearson's, of measured with asked values at equal times; NaN windows left out.
        spearman: the same of their ranks.
        lag_seconds: how much later than asked the sound moves: the shift of the asked curve with the least mean
            absolute difference from the measured one.
        times: centres of the windows, in seconds.
        asked, measured: in the parameter's unit; NaN where a window could not be measured.
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
) -> TrajectoryScore:
    """Score how a sound follows a curve.

    Args:
        measure: the parameter's estimator: samples and their rate in Hz to a value in the unit.
        samples: the sound.
        sample_rate: Hz.
        asked: value asked at a time in seconds from the start; asked(0) before it.
        window_seconds: long enough for the estimator, short enough for the curve.
        hop_seconds: from one window to the next.
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
    found = torch.tensor([value for _, value in known])
    wanted = torch.tensor([asked(time) for time, _ in known])
    return TrajectoryScore(
        correlation=float(pearson(wanted, found)),
        spearman=spearman(wanted, found),
        lag_seconds=_lag(known, asked, longest=len(samples) / sample_rate / 2),
        times=tuple(times),
        asked=tuple(asked(time) for time in times),
        measured=tuple(measured),
    )


def _lag(known: list[tuple[float, float]], asked: Callable[[float], float], *, longest: float) -> float:
    def difference(lag: float) -> float:
        return sum(abs(value - asked(max(0.0, time - lag))) for time, value in known)

    return min((longest * step / (_LAGS - 1) for step in range(_LAGS)), key=difference)
