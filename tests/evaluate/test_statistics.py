"""Rank correlation and median error keep their laws."""

import math

import pytest
import torch

from smalti.core import ParameterError
from smalti.evaluate.statistics import median_error, pearson, ranks, spearman, spearman_interval


def test_equal_values_share_the_mean_of_their_ranks() -> None:
    assert ranks(torch.tensor([3.0, 1.0, 3.0, 7.0])).tolist() == [2.5, 1.0, 2.5, 4.0]


def test_spearman_with_ties_equals_the_sum_done_by_hand() -> None:
    # ranks 1 2 3 4 and 1.5 3 1.5 4: products sum to 3, squares to 5 and 4.5
    found = spearman(torch.tensor([1.0, 2.0, 3.0, 4.0]), torch.tensor([5.0, 6.0, 5.0, 9.0]))
    assert found == pytest.approx(3 / math.sqrt(5 * 4.5), abs=1e-12)


def test_spearman_hears_order_only() -> None:
    asked = torch.rand(11, generator=torch.Generator().manual_seed(3))
    assert spearman(asked, asked.exp() * 4) == pytest.approx(1)
    assert spearman(asked, -(asked**3)) == pytest.approx(-1)


def test_a_constant_orders_nothing() -> None:
    assert spearman(torch.arange(5.0), torch.ones(5)) == 0


def test_what_could_not_be_measured_ranks_below_everything() -> None:
    assert ranks(torch.tensor([-9.0, math.nan, 2.0])).tolist() == [2.0, 1.0, 3.0]
    assert spearman(torch.tensor([1.0, 2.0, 3.0]), torch.tensor([1.0, 2.0, math.nan])) < 0


def test_pearson_is_one_on_a_line_in_any_batch() -> None:
    x = torch.rand(2, 3, 7, generator=torch.Generator().manual_seed(5))
    assert torch.allclose(pearson(x, 3 * x - 1), torch.ones(2, 3, dtype=torch.float64))


def test_the_interval_holds_the_correlation_and_narrows_with_more_pairs() -> None:
    generator = torch.Generator().manual_seed(0)
    widths: list[float] = []
    for count in (20, 200):
        asked = torch.rand(count, generator=generator)
        measured = asked + 0.3 * torch.rand(count, generator=generator)
        low, high = spearman_interval(asked, measured, generator=generator)
        assert low <= spearman(asked, measured) <= high
        widths.append(high - low)
    assert widths[1] < widths[0] / 2


def test_median_error_is_in_the_unit_and_may_be_a_share() -> None:
    asked, measured = torch.tensor([10.0, 20.0, 40.0, 80.0]), torch.tensor([11.0, 18.0, 40.0, 100.0])
    assert median_error(asked, measured) == pytest.approx(1.5)
    assert median_error(asked, measured, relative=True) == pytest.approx(0.1)


def test_the_error_of_silence_is_infinite() -> None:
    assert median_error(torch.tensor([1.0, 2.0, 3.0]), torch.tensor([math.nan, math.nan, 3.0])) == math.inf


def test_a_single_pair_is_refused() -> None:
    with pytest.raises(ParameterError, match="two pairs"):
        spearman(torch.ones(1), torch.ones(1))
