"""Rank correlation, median error and their uncertainty: what "the model obeys" means in numbers.

Convention: NaN is a value that could not be measured (silence has no rate). It ranks below every number and its error
is infinite, so a model is never flattered by what it failed to produce.
"""

import math

import torch
from jaxtyping import Float, Float64
from torch import Tensor

from smalti.core import ParameterError


def ranks(values: Float[Tensor, "*batch pair"]) -> Float64[Tensor, "*batch pair"]:
    """Ranks from 1 along the last axis; equal values share the mean of their ranks (3 1 3 → 2.5 1 2.5)."""
    known = torch.where(values.isnan(), -math.inf, values.double())
    below = (known[..., :, None] > known[..., None, :]).sum(dim=-1)
    equal = (known[..., :, None] == known[..., None, :]).sum(dim=-1)
    return below + (equal + 1).double() / 2


def spearman(asked: Float[Tensor, " pair"], measured: Float[Tensor, " pair"]) -> float:
    """Spearman's rank correlation, -1…1; 0 where one side has a single value, for it orders nothing.

    Raises:
        ParameterError: with fewer than two pairs.
    Source: Spearman 1904: Pearson's correlation of the ranks.
    """
    _require_pairs(asked, measured)
    return float(pearson(ranks(asked), ranks(measured)))


def pearson(first: Float[Tensor, "*batch pair"], second: Float[Tensor, "*batch pair"]) -> Float64[Tensor, "*batch"]:
    """Pearson's correlation along the last axis; 0 where one side is constant."""
    x = first.double() - first.double().mean(dim=-1, keepdim=True)
    y = second.double() - second.double().mean(dim=-1, keepdim=True)
    scale = (x.square().sum(dim=-1) * y.square().sum(dim=-1)).sqrt()
    return torch.where(scale > 0, (x * y).sum(dim=-1) / scale.clamp(min=1e-300), 0.0)


def spearman_interval(
    asked: Float[Tensor, " pair"],
    measured: Float[Tensor, " pair"],
    *,
    generator: torch.Generator,
    resamples: int = 1000,
    level: float = 0.95,
) -> tuple[float, float]:
    """Bootstrap confidence interval of `spearman`: quantiles over pairs drawn again with replacement.

    Raises:
        ParameterError: with fewer than two pairs.
    Source: Efron 1979, percentile interval.
    """
    _require_pairs(asked, measured)
    drawn = torch.randint(len(asked), (resamples, len(asked)), generator=generator)
    found = pearson(ranks(asked[drawn]), ranks(measured[drawn]))
    tails = torch.tensor([(1 - level) / 2, (1 + level) / 2], dtype=torch.float64)
    low, high = found.quantile(tails).tolist()
    return low, high


def median_error(asked: Float[Tensor, " pair"], measured: Float[Tensor, " pair"], *, relative: bool = False) -> float:
    """Median of |measured - asked| in the unit of both, or, if `relative`, as a share of |asked|."""
    _require_pairs(asked, measured)
    error = (measured.double() - asked.double()).abs()
    error = error / asked.double().abs() if relative else error
    ordered = torch.where(error.isnan(), math.inf, error).sort().values.tolist()
    return (ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2]) / 2


def _require_pairs(asked: Tensor, measured: Tensor) -> None:
    if asked.shape != measured.shape or len(asked) < 2:
        raise ParameterError(f"found {len(asked)} asked and {len(measured)} measured values, wanted two pairs or more")
