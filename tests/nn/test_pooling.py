"""Pooling hears every row that is there, and nothing of one that is not."""

import torch

from smalti.nn.pooling import AttentionPooling


def _pooling() -> AttentionPooling:
    torch.manual_seed(0)
    return AttentionPooling(12, heads=3)


@torch.no_grad()
def test_every_row_is_heard_and_absent_ones_are_not():
    pooling, rows = _pooling(), torch.randn(2, 5, 12, generator=torch.Generator().manual_seed(1))
    present = torch.tensor([[True] * 5, [True] * 3 + [False] * 2])
    before = pooling(rows, present)
    for row in range(5):
        changed = rows.clone()
        changed[:, row] += 1
        moved = (pooling(changed, present) - before).abs().amax(1)
        assert moved[0] > 1e-4 and (moved[1] > 1e-4) == (row < 3)


@torch.no_grad()
def test_an_item_alone_gives_what_it_gives_with_rows_behind_it():
    pooling, rows = _pooling(), torch.randn(1, 5, 12, generator=torch.Generator().manual_seed(2))
    alone = pooling(rows[:, :3], torch.ones(1, 3, dtype=torch.bool))
    padded = pooling(rows, torch.tensor([[True, True, True, False, False]]))
    torch.testing.assert_close(alone, padded)


@torch.no_grad()
def test_the_order_of_rows_does_not_matter():
    pooling, rows = _pooling(), torch.randn(1, 5, 12, generator=torch.Generator().manual_seed(3))
    present = torch.ones(1, 5, dtype=torch.bool)
    torch.testing.assert_close(pooling(rows, present), pooling(rows.flip(1), present))
