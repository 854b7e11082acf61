"""Time warping against the textbook's table, and its laws."""

import numpy as np
import torch

from smalti.evaluate.dtw import dtw_distances


def textbook(query: torch.Tensor, item: torch.Tensor) -> float:
    cost = torch.cdist(query.double(), item.double()).numpy()
    table = np.full(cost.shape, np.inf)
    for i in range(cost.shape[0]):
        for j in range(cost.shape[1]):
            ways = [2 * cost[0, 0]] if i == j == 0 else []
            ways += [table[i - 1, j] + cost[i, j]] if i else []
            ways += [table[i, j - 1] + cost[i, j]] if j else []
            ways += [table[i - 1, j - 1] + 2 * cost[i, j]] if i and j else []
            table[i, j] = min(ways)
    return table[-1, -1] / sum(cost.shape)


def test_it_is_the_textbooks_path_for_all_lengths_at_once(monkeypatch):
    monkeypatch.setattr("smalti.evaluate.dtw._TOGETHER", 3)
    generator = torch.Generator().manual_seed(1)
    query, *items = (torch.randn(length, 5, generator=generator) for length in (9, 4, 17, 1, 9, 12))
    wanted = [textbook(query, item) for item in items]
    assert np.allclose(dtw_distances(query, items), wanted, atol=1e-5)


def test_a_stretched_copy_is_no_distance_away_and_nothing_is_infinitely_far():
    query = torch.randn(6, 3, generator=torch.Generator().manual_seed(2))
    slow = query.repeat_interleave(3, dim=0)
    found = dtw_distances(query, [slow, query + 1, query[:0]])
    assert found[0] < 1e-6 < found[1] and np.isinf(found[2])
    assert np.isinf(dtw_distances(query[:0], [slow])).all()
