"""Scores of named classes under weights of the rows: once with ones, and often with those of drawn rows.

Convention: rows of equal score stand in any order (a threshold takes all or none of them); a class that no row with
weight has, or that all have, has no score and is left out of the mean.
Source: precision and recall as of scikit-learn's average_precision_score, area as of its roc_auc_score.
"""

from collections.abc import Callable

import torch
from jaxtyping import Bool, Float
from torch import Tensor


def weighted_accuracy(
    scores: Float[Tensor, "row class"], truth: Bool[Tensor, "row class"], weights: Float[Tensor, "draw row"]
) -> Float[Tensor, " draw"]:
    """Share of rows whose highest score is of a class they have; of equal scores the first class counts."""
    right = truth.gather(1, scores.argmax(1, keepdim=True))[:, 0]
    return (weights @ right.to(weights)) / weights.sum(1)


def weighted_precision(
    scores: Float[Tensor, "row class"], truth: Bool[Tensor, "row class"], weights: Float[Tensor, "draw row"]
) -> Float[Tensor, " draw"]:
    """Average precision, mean over classes (mAP)."""
    return _macro(scores, truth, weights, _precision)


def weighted_area(
    scores: Float[Tensor, "row class"], truth: Bool[Tensor, "row class"], weights: Float[Tensor, "draw row"]
) -> Float[Tensor, " draw"]:
    """Area under the receiver operating characteristic, mean over classes."""
    return _macro(scores, truth, weights, _area)


def _macro(scores: Tensor, truth: Tensor, weights: Tensor, score: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
    found: list[Tensor] = []
    for own, has in zip(scores.T, truth.T, strict=True):
        order = own.argsort(descending=True)
        last = torch.cat([own[order].diff() != 0, torch.ones(1, dtype=torch.bool)])
        sorted_weights = weights[:, order].double()
        hits = (sorted_weights * has[order]).cumsum(1)[:, last]
        misses = (sorted_weights * ~has[order]).cumsum(1)[:, last]
        found.append(score(hits, misses))
    return torch.stack(found).nanmean(0).to(weights)


def _precision(hits: Float[Tensor, "draw threshold"], misses: Float[Tensor, "draw threshold"]) -> Tensor:
    """Σ (recall - the one before) · precision, from the highest threshold down."""
    precision = hits / (hits + misses).clamp(min=torch.finfo(hits.dtype).tiny)
    found = (_steps(hits) * precision).sum(1) / hits[:, -1]
    return torch.where(misses[:, -1] > 0, found, torch.nan)


def _area(hits: Float[Tensor, "draw threshold"], misses: Float[Tensor, "draw threshold"]) -> Tensor:
    """Share of pairs of a row that has the class and one that has not whose order is right; ties are half right."""
    gained = _steps(hits)
    below = misses[:, -1:] - misses
    return (gained * (below + _steps(misses) / 2)).sum(1) / (hits[:, -1] * misses[:, -1])


def _steps(sums: Tensor) -> Tensor:
    return sums.diff(dim=1, prepend=sums.new_zeros(len(sums), 1))
