"""Scores of rankings: textbook values, ties as the mean over all orders, and who may be found."""

from itertools import permutations

import numpy as np
import pytest

from smalti.core import DataError
from smalti.evaluate.retrieval import evaluate_ranking, expected_scores


def plain(ordered: list[bool]) -> tuple[float, float, float]:
    ranks = [rank for rank, relevant in enumerate(ordered, start=1) if relevant]
    precision = np.mean([(number + 1) / rank for number, rank in enumerate(ranks)])
    return 1 / ranks[0], float(precision), float(ordered[0])


def test_without_ties_they_are_the_textbooks():
    relevant = np.array([False, True, False, True, True])
    distances = np.array([0.1, 0.4, 0.2, 0.3, 0.5])
    assert expected_scores(distances, relevant) == pytest.approx((1 / 3, (1 / 3 + 2 / 4 + 3 / 5) / 3, 0.0))


@pytest.mark.parametrize("seed", range(6))
def test_ties_are_the_mean_over_all_their_orders(seed):
    generator = np.random.default_rng(seed)
    relevant = generator.random(7) < 0.4
    relevant[generator.integers(7)] = True
    distances = generator.integers(0, 3, 7).astype(float)
    every = [plain([bool(relevant[i]) for i in order]) for order in _orders(distances)]
    assert expected_scores(distances, relevant) == pytest.approx(tuple(np.mean(every, axis=0)))


def _orders(distances: np.ndarray) -> list[tuple[int, ...]]:
    return [order for order in permutations(range(len(distances))) if (np.diff(distances[list(order)]) >= 0).all()]


def test_only_what_is_allowed_is_found_and_queries_with_nothing_to_find_are_left_out():
    relevant = np.array([[1, 0, 1], [0, 0, 1], [0, 1, 0]], bool)
    allowed = np.array([[0, 1, 1], [1, 1, 0], [1, 1, 1]], bool)
    table = np.array([[0.0, 2.0, 1.0], [0.0, 1.0, 2.0], [1.0, 2.0, 3.0]])
    found = evaluate_ranking(lambda row: table[row], relevant, allowed)
    assert (found.queries, found.mrr, found.map, found.p_at_1) == (2, 0.75, 0.75, 0.5)
    assert found.ms_per_query >= 0 and found.us_per_pair == pytest.approx(1000 * found.ms_per_query / 3)
    with pytest.raises(DataError, match="no query has a relevant"):
        evaluate_ranking(lambda row: table[row], relevant & ~allowed, allowed)
