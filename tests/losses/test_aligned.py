"""Frames that go together: as a plain recursion finds them, whatever the padding."""

import math

import pytest
import torch

from smalti.evaluate import dtw_distances
from smalti.losses.aligned import aligned_prediction, warping_partners


def _cost(one: torch.Tensor, other: torch.Tensor, partners: list[int]) -> float:
    """Cheapest path on which each frame's last partner is as said."""
    distance = torch.cdist(one, other).double().tolist()
    total, place = 2 * distance[0][0], 0
    for column in range(1, partners[0] + 1):
        total, place = total + distance[0][column], column
    for row in range(1, len(one)):
        ways = []
        for start, first in ((place, 1), (place + 1, 2)):
            if start <= partners[row]:
                ways.append(first * distance[row][start] + sum(distance[row][start + 1 : partners[row] + 1]))
        total, place = total + min(ways), partners[row]
    return total


def test_the_path_costs_what_time_warping_says():
    generator = torch.Generator().manual_seed(0)
    for count, other in ((1, 4), (5, 1), (6, 9), (9, 6)):
        one, two = torch.randn(count, 3, generator=generator), torch.randn(other, 3, generator=generator)
        found = warping_partners(one[None], torch.tensor([count]), two[None], torch.tensor([other]))[0].tolist()
        assert found == sorted(found) and found[-1] == other - 1
        wanted = dtw_distances(one, [two])[0] * (count + other)
        assert _cost(one, two, found) == pytest.approx(wanted, rel=1e-5)


def test_a_stretched_copy_goes_with_its_original_and_padding_changes_nothing():
    one = torch.randn(1, 5, 4, generator=torch.Generator().manual_seed(1))
    slow = one.repeat_interleave(2, dim=1)
    counts = torch.tensor([5])
    assert warping_partners(slow, torch.tensor([10]), one, counts)[0].tolist() == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]
    padded = torch.nn.functional.pad(slow, (0, 0, 0, 3), value=7.0)
    other = torch.nn.functional.pad(one, (0, 0, 0, 2), value=-7.0)
    found = warping_partners(padded, torch.tensor([10]), other, counts)[0].tolist()
    assert found == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 0, 0, 0]


def test_the_loss_is_the_mean_surprise_of_the_partners_tokens_and_padding_has_no_gradient():
    logs = torch.full((2, 3, 4), math.log(0.1))
    logs[0, :, 2] = logs[1, :2, 1] = math.log(0.7)
    logs.requires_grad_()
    codes, partners = torch.tensor([[2, 1], [1, 0]]), torch.tensor([[0, 0, 1], [0, 1, 0]])
    loss = aligned_prediction(logs, torch.tensor([3, 2]), codes, partners)
    first, second = -(2 * math.log(0.7) + math.log(0.1)) / 3, -(math.log(0.7) + math.log(0.1)) / 2
    assert loss.item() == pytest.approx((first + second) / 2)
    loss.backward()
    assert logs.grad is not None and not logs.grad[1, 2].any() and logs.grad[0, 2, 1] < 0
