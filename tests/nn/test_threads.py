"""Spread work is the same work: in order, without gradients, and torch gets its threads back."""

import pytest
import torch

from smalti.nn.threads import spread


@pytest.fixture
def two_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def test_results_come_in_order_and_without_gradients(two_threads):
    weight = torch.ones(3, requires_grad=True)
    found = list(spread(lambda number: number * weight, range(7)))
    assert [float(one[0].detach()) for one in found] == list(range(7))
    assert not any(one.requires_grad for one in found)
    assert torch.get_num_threads() == 2


def test_an_error_comes_through_and_the_threads_come_back(two_threads):
    with pytest.raises(ZeroDivisionError):
        list(spread(lambda number: 1 / number, [1, 0]))
    assert torch.get_num_threads() == 2
