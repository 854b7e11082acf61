"""Scores of a search: where among all that could be found does what is wanted stand?

Conventions: an item is relevant if it has the query's label. Items of one rank stand in any order, and every score is
its mean over all orders: what lies first in a file gains nothing. A query with nothing relevant to find is left out.
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from smalti.core import DataError


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrievalScores:
    """How well something finds.

    Attributes:
        mrr: mean of 1 / rank of the first relevant item.
        map: mean over queries of the mean precision at each relevant item.
        p_at_1: share of queries whose first item is relevant.
        queries: that had something to find.
        ms_per_query: milliseconds of CPU to rank all items, so that others' work on the machine does not count.
        us_per_pair: the same in microseconds, for each of the items.
    """

    mrr: float
    map: float
    p_at_1: float
    queries: int
    ms_per_query: float
    us_per_pair: float


def evaluate_ranking(
    distances: Callable[[int], Float[np.ndarray, " item"]],
    relevant: Bool[np.ndarray, "query item"],
    allowed: Bool[np.ndarray, "query item"],
) -> RetrievalScores:
    """Scores of whatever says how far items are from a query.

    Args:
        distances: of all items from a query, by its row; equal ones are tied. It is timed.
        relevant: what each query should find.
        allowed: what each may find: all but itself, say, or all but its speaker's.
    Raises:
        DataError: if no query has anything to find.
    """
    rows = np.flatnonzero((relevant & allowed).any(axis=1))
    if not len(rows):
        raise DataError("no query has a relevant recording to find; give labels that queries and index share")
    scores: list[tuple[float, float, float]] = []
    taken = 0.0
    for row in rows.tolist():
        begin = time.process_time()
        found = distances(row)
        taken += time.process_time() - begin
        scores.append(expected_scores(found[allowed[row]], relevant[row, allowed[row]]))
    mrr, mean_precision, first = np.mean(scores, axis=0).tolist()
    return RetrievalScores(
        mrr=mrr,
        map=mean_precision,
        p_at_1=first,
        queries=len(rows),
        ms_per_query=1000 * taken / len(rows),
        us_per_pair=1e6 * taken / (len(rows) * relevant.shape[1]),
    )


def expected_scores(
    distances: Float[np.ndarray, " item"], relevant: Bool[np.ndarray, " item"]
) -> tuple[float, float, float]:
    """Reciprocal rank, average precision and precision at 1 of one query, meant over all orders of tied items.

    Source: McSherry & Najork 2008, "Computing information retrieval performance measures efficiently in the presence
    of tied scores".
    """
    _, group = np.unique(distances, return_inverse=True)
    sizes = np.bincount(group)
    hits = np.bincount(group, weights=relevant).astype(int)
    before, found, reciprocal, precision = 0, 0, 0.0, 0.0
    for size, hit in zip(sizes.tolist(), hits.tolist(), strict=True):
        if hit and not found:
            reciprocal = _reciprocal_rank(before, size, hit)
        place = np.arange(1, size + 1)
        others = (hit - 1) / (size - 1) if size > 1 else 0.0
        precision += hit / size * float(((found + 1 + (place - 1) * others) / (before + place)).sum())
        before, found = before + size, found + hit
    return reciprocal, precision / found, float(hits[0] / sizes[0])


def _reciprocal_rank(before: int, size: int, hit: int) -> float:
    """Mean of 1 / rank of the first of `hit` relevant items in a tie of `size` that begins after `before` others."""
    total = math.comb(size, hit)
    return sum(math.comb(size - i, hit - 1) / total / (before + i) for i in range(1, size - hit + 2))
