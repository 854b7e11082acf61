"""The nearest rows decide, whatever the units of the features, and ties are settled by order alone."""

import pytest
import torch

from smalti.core import ParameterError
from smalti.evaluate.neighbours import neighbour_accuracy, neighbour_shares, standardised


def points(rows: int, seed: int, dim: int = 5) -> torch.Tensor:
    """Noise, a function of the seed."""
    return torch.randn(rows, dim, generator=torch.Generator().manual_seed(seed))


def test_a_row_is_its_own_nearest_neighbour() -> None:
    rows, classes = points(31, 0), torch.arange(31) % 7
    assert neighbour_accuracy(rows, classes, rows, classes, neighbours=(1,)) == {1: 1.0}


def test_the_units_of_features_change_nothing() -> None:
    train, test, known = points(40, 1), points(17, 2), torch.arange(40) % 3
    targets = torch.nn.functional.one_hot(known).float()
    scale, offset = torch.tensor([1e-3, 1, 10, 100, 1e3]), torch.tensor([5.0, -3, 0, 100, 7])
    plain = neighbour_shares(train, targets, test)
    moved = neighbour_shares(train * scale + offset, targets, test * scale + offset)
    for count in (1, 10, 20):
        torch.testing.assert_close(plain[count], moved[count], rtol=1e-3, atol=1e-3)


def test_votes_are_those_of_the_formula() -> None:
    train, test = points(9, 3), points(4, 4)
    targets = torch.rand(9, 3, generator=torch.Generator().manual_seed(5))
    a, b = standardised(train, test)
    for row in range(4):
        cosine = torch.nn.functional.cosine_similarity(b[row][None], a)
        near = cosine.argsort(descending=True)[:3]
        votes = (cosine[near] / 0.2).exp()
        wanted = (votes[:, None] * targets[near]).sum(0) / votes.sum()
        found = neighbour_shares(train, targets, test, neighbours=(3,), temperature=0.2)[3][row]
        torch.testing.assert_close(found, wanted)


def test_of_equal_rows_the_earlier_ones_are_nearer() -> None:
    train = torch.tensor([[1.0, 0], [1, 0], [-1, 0], [0, 1]])
    targets = torch.eye(4)
    assert neighbour_shares(train, targets, train[:1], neighbours=(1,))[1].tolist() == [[1, 0, 0, 0]]


def test_more_neighbours_than_rows_are_all_rows() -> None:
    train, targets = points(6, 6), torch.eye(6)
    found = neighbour_shares(train, targets, points(3, 7), neighbours=(6, 20))
    torch.testing.assert_close(found[6], found[20])
    torch.testing.assert_close(found[6].sum(1), torch.ones(3))


def test_a_feature_that_never_changes_in_training_says_nothing() -> None:
    train, test, known = points(20, 8), points(8, 9), torch.arange(20) % 2
    constant = torch.full((20, 1), 0.1234567), torch.linspace(-1e6, 1e6, 8)[:, None]
    targets = torch.nn.functional.one_hot(known).float()
    alone = neighbour_shares(train, targets, test)[10]
    beside = neighbour_shares(torch.cat([train, constant[0]], 1), targets, torch.cat([test, constant[1]], 1))[10]
    torch.testing.assert_close(alone, beside)


def test_what_cannot_be_asked_is_refused() -> None:
    none = torch.zeros(0, 5), torch.zeros(0, dtype=torch.int64)
    some = points(4, 0), torch.arange(4)
    with pytest.raises(ParameterError, match="found 0 training rows"):
        neighbour_accuracy(*none, *some)
    with pytest.raises(ParameterError, match="no test rows"):
        neighbour_accuracy(*some, *none)
    with pytest.raises(ParameterError, match="neighbours, wanted one of each"):
        neighbour_accuracy(*some, *some, neighbours=(0,))
