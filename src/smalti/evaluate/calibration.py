"""What an estimator says of known sounds, and the way back: its own errors are not the model's.

A codec blurs what an estimator listens to, so it may read every value a tenth too high. Real clips of known values,
heard through the codec, tell how; the generated ones are then corrected by the same curve. It may bend but never turn,
for a curve that turns could make order out of none.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float64
from torch import Tensor

from smalti.core import Scale

_TINY = 1e-9
_PER_KNOT = 5


def straight(values: Float64[Tensor, "*pair"], scale: Scale) -> Float64[Tensor, "*pair"]:
    """Values where equal steps of the parameter are equal distances: their logarithm on a log scale."""
    return values.clamp(min=_TINY).log() if scale == "log" else values


@dataclass(frozen=True, slots=True, eq=False)
class Calibration:
    """A rising curve through (asked, heard); straight lines between its knots and, at the mean slope, beyond them.

    Attributes:
        asked, heard: the knots, both ascending, on the parameter's own scale; one knot where nothing rises.
        scale: the parameter's.
    """

    asked: Float64[Tensor, " knot"]
    heard: Float64[Tensor, " knot"]
    scale: Scale

    @classmethod
    def of(cls, asked: Float64[Tensor, " pair"], heard: Float64[Tensor, " pair"], *, scale: Scale) -> "Calibration":
        """The curve of some real clips: the median of what is wrong with five neighbours each, pooled where they fall.

        Args:
            asked: what the clips are.
            heard: what the estimator says of them; NaN where it says nothing.
            scale: of the parameter.
        Source: Barlow et al. 1972, pool-adjacent-violators.
        """
        known = ~heard.isnan()
        x, y = straight(asked[known], scale), straight(heard[known], scale)
        order = x.argsort(stable=True)
        parts = max(1, min(len(order), max(2, len(order) // _PER_KNOT)))
        groups = [_middle(x[some], y[some]) for some in order.tensor_split(parts) if len(some)]
        knots = torch.tensor(_pooled(groups), dtype=torch.float64).reshape(-1, 2)
        return cls(knots[:, 0].contiguous(), knots[:, 1].contiguous(), scale)

    def correct(self, found: Float64[Tensor, " found"]) -> Float64[Tensor, " found"]:
        """What the sounds would be whose estimates these are; NaN stays NaN, and is all there is without a knot."""
        if not len(self.heard):
            return torch.full_like(found, torch.nan)
        y = straight(found, self.scale)
        back = self._between(y) if len(self.heard) > 1 else torch.where(y.isnan(), y, self.asked[0])
        return back.exp() if self.scale == "log" else back

    def _between(self, y: Float64[Tensor, " found"]) -> Float64[Tensor, " found"]:
        place = torch.searchsorted(self.heard, y).clamp(1, len(self.heard) - 1)
        low, high = place - 1, place
        slope = (self.asked[high] - self.asked[low]) / (self.heard[high] - self.heard[low])
        mean = (self.asked[-1] - self.asked[0]) / (self.heard[-1] - self.heard[0])
        inside = self.asked[low] + slope * (y - self.heard[low])
        below = self.asked[0] + mean * (y - self.heard[0])
        above = self.asked[-1] + mean * (y - self.heard[-1])
        return torch.where(y < self.heard[0], below, torch.where(y > self.heard[-1], above, inside))


def _middle(x: Float64[Tensor, " pair"], y: Float64[Tensor, " pair"]) -> tuple[float, float]:
    """Where a few neighbours lie, however unevenly, and how far off the estimator is there."""
    place = float(x.quantile(0.5))
    return place, place + float((y - x).quantile(0.5))


def _pooled(groups: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Neighbours that do not rise become one, at their mean, until all rise."""
    pools: list[tuple[float, float, int]] = []
    for x, y in groups:
        pools.append((x, y, 1))
        while len(pools) > 1 and pools[-2][1] >= pools[-1][1]:
            (x1, y1, n1), (x2, y2, n2) = pools[-2], pools[-1]
            count = n1 + n2
            pools[-2:] = [((x1 * n1 + x2 * n2) / count, (y1 * n1 + y2 * n2) / count, count)]
    return [(x, y) for x, y, _ in pools]
