"""Fréchet distance equals its closed form and knows its own floor."""

import pytest
import torch

from smalti.core import ParameterError
from smalti.evaluate.frechet import frechet_distance, frechet_score, gaussian_distance


def cloud(count: int, seed: int, shift: float = 0.0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(count, 6, generator=generator) @ torch.randn(6, 6) + shift


def test_two_gaussians_are_as_far_apart_as_the_closed_form_says() -> None:
    one, other = torch.tensor([4.0, 9.0, 1.0]).double(), torch.tensor([1.0, 16.0, 1.0]).double()
    mean = torch.tensor([0.0, 3.0, -1.0]).double()
    turn = torch.linalg.qr(torch.randn(3, 3, generator=torch.Generator().manual_seed(1)).double()).Q
    found = gaussian_distance(
        torch.zeros(3).double(), turn @ one.diag() @ turn.T, turn @ mean, turn @ other.diag() @ turn.T
    )
    assert found == pytest.approx(10 + (2 - 1) ** 2 + (3 - 4) ** 2, abs=1e-9)


def test_equal_clouds_are_at_no_distance_and_order_does_not_matter() -> None:
    torch.manual_seed(2)
    a, b = cloud(40, seed=1), cloud(30, seed=2, shift=1.0)
    assert frechet_distance(a, a.flip(0)) == pytest.approx(0, abs=1e-6)
    assert frechet_distance(a, b) == pytest.approx(frechet_distance(b, a), rel=1e-6)


def test_a_shift_adds_its_square() -> None:
    torch.manual_seed(2)
    a = cloud(40, seed=1)
    assert frechet_distance(a, a + 2) == pytest.approx(6 * 4, rel=1e-5)


def test_the_same_kind_scores_at_the_floor_and_another_far_above() -> None:
    generator = torch.Generator().manual_seed(7)
    draw = lambda count: torch.randn(count, 5, generator=generator)  # noqa: E731
    real = draw(200)
    same = frechet_score(draw(120), real=real, ceiling=real, generator=generator)
    other = frechet_score(draw(120) + 1.5, real=real, ceiling=real + 0.5, generator=generator)
    assert same.value < 1.5 * same.floor
    assert same.ceiling == pytest.approx(same.floor)
    assert other.value > 5 * other.ceiling > 15 * other.floor


def test_three_clips_are_too_few() -> None:
    with pytest.raises(ParameterError, match="four of each"):
        frechet_score(torch.rand(3, 2), real=torch.rand(9, 2), ceiling=torch.rand(9, 2), generator=torch.Generator())
