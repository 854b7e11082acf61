"""Distances of pictures: zero where equal, blind to what is not inside."""

from functools import partial

import pytest
import torch

from smalti.losses import frames_l1, loud_l2, picture_l1

_INSIDE = torch.tensor([[True, True, True, False, False], [True, True, True, True, True]])


def _pictures() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return torch.rand(2, 3, 5, generator=generator), torch.rand(2, 3, 5, generator=generator)


@pytest.mark.parametrize("loss", [picture_l1, partial(loud_l2, loudness=3.0)])
def test_equal_pictures_are_at_zero_and_others_are_not(loss: object) -> None:
    one, other = _pictures()
    assert loss(one, one, _INSIDE) == 0
    assert loss(one, other, _INSIDE) > 0


@pytest.mark.parametrize("loss", [picture_l1, partial(loud_l2, loudness=3.0)])
def test_frames_outside_do_not_count(loss: object) -> None:
    one, other = _pictures()
    changed = torch.where(_INSIDE[:, None], other, 9.0)
    assert loss(one, changed, _INSIDE) == loss(one, other, _INSIDE)
    assert loss(one, other, torch.zeros_like(_INSIDE)) == 0


def test_the_picture_counts_a_level() -> None:
    one, _ = _pictures()
    assert picture_l1(one + 0.25, one, _INSIDE) == pytest.approx(0.25)


@pytest.mark.parametrize("loss", [picture_l1, partial(loud_l2, loudness=3.0)])
@pytest.mark.parametrize(("wanted", "beyond", "within"), [(0.0, -0.3, 0.1), (1.0, 1.3, 0.9)])
def test_beyond_an_end_of_the_picture_is_where_it_should_be(
    loss: object, wanted: float, beyond: float, within: float
) -> None:
    wanted_cells, found = torch.full((2, 3, 5), wanted), torch.full((2, 3, 5), beyond, requires_grad=True)
    loss(found, wanted_cells, _INSIDE).backward()
    assert found.grad is not None and not found.grad.any()
    assert loss(torch.full((2, 3, 5), within), wanted_cells, _INSIDE) > 0
    assert loss(found, torch.full((2, 3, 5), within), _INSIDE) > 0  # where it should be inside, it is pulled back


def test_frames_of_any_numbers_are_compared_as_they_are() -> None:
    assert frames_l1(torch.full((2, 3, 5), -2.0), torch.full((2, 3, 5), -1.0), _INSIDE) == pytest.approx(1.0)


def test_squares_of_loud_cells_count_more() -> None:
    silent, loud = torch.zeros(2, 3, 5), torch.ones(2, 3, 5)
    assert loud_l2(silent + 0.5, silent, _INSIDE, loudness=3.0) == pytest.approx(0.25)
    assert loud_l2(loud - 0.5, loud, _INSIDE, loudness=3.0) == pytest.approx(1.0)
