"""A figure that was drawn several times: its mean, and how far the mean could be off."""

from collections.abc import Sequence
from statistics import fmean, stdev
from typing import NamedTuple


class Estimate(NamedTuple):
    """Mean of several draws, and the ends of its 95 % interval; the interval of a single draw is NaN."""

    mean: float
    low: float
    high: float


def estimated(values: Sequence[float], *, overlap: float = 0.0, least: float = 0.0, most: float = 1.0) -> Estimate:
    """The mean of draws with Student's interval, as far as the figure can go.

    Args:
        values: one of each draw, at least one.
        overlap: test rows per training row, where the draws are splits of the same rows: these agree more than
            independent ones would, so variance / n becomes variance · (1 / n + overlap).
        least, most: that the figure can be.
    Source: Nadeau & Bengio 2003 (Machine Learning 52), corrected resampled t-test.
    """
    mean, count = fmean(values), len(values)
    if count < 2:
        return Estimate(mean, float("nan"), float("nan"))
    from scipy.stats import t

    half = float(t.ppf(0.975, count - 1)) * stdev(values) * (1 / count + overlap) ** 0.5
    return Estimate(mean, max(least, mean - half), min(most, mean + half))
