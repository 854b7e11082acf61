"""Movement: order counts, tempo and offsets hardly or not at all, and directions are those of most variance."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from smalti.core import ParameterError
from smalti.evaluate.movement import Directions, FrameMoments, areas, covariances
from smalti.evaluate.pooling import POOLS, pooled


def circle(frames: int) -> torch.Tensor:
    """Once around, from the first direction to the second, back to where it began."""
    turned = torch.linspace(0, 2 * math.pi, frames)
    return torch.stack([turned.cos(), turned.sin()], 1)


def noise(frames: int, dim: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(frames, dim, generator=torch.Generator().manual_seed(seed))


def learnt(frames: torch.Tensor, most: int = 20) -> Directions:
    moments = FrameMoments()
    for some in frames.split(7):
        moments.add(some)
    return moments.directions(most)


def test_a_circle_encloses_its_area_and_the_way_back_takes_it_away():
    path, root = circle(401), math.sqrt(401)
    assert float(areas(path)) * root == pytest.approx(math.pi, rel=1e-3)
    assert float(areas(path.flip(0))) * root == pytest.approx(-math.pi, rel=1e-3)
    torch.testing.assert_close(covariances(path.flip(0)), covariances(path), atol=1e-6, rtol=0)


def test_at_half_the_tempo_a_path_encloses_the_same():
    slow, fast = areas(circle(801)) * math.sqrt(801), areas(circle(401)) * math.sqrt(401)
    torch.testing.assert_close(slow, fast, rtol=1e-3, atol=0)


@given(st.integers(0, 99), st.integers(1, 30))
def test_what_moves_all_frames_changes_neither(seed: int, frames: int):
    path, along = noise(frames, 3, seed), Directions(torch.ones(3), noise(3, 2, seed + 1))
    moved = path + 5 * noise(1, 3, seed + 2)
    for statistic in (areas, covariances):
        torch.testing.assert_close(statistic(along.places(moved)), statistic(along.places(path)), atol=2e-4, rtol=1e-4)


def test_noise_of_any_length_encloses_areas_of_one_size():
    sizes = [float(areas(noise(frames, 30)).square().mean().sqrt()) for frames in (100, 2500)]
    assert sizes[0] == pytest.approx(sizes[1], rel=0.2)


def test_directions_have_variance_one_and_no_covariance_where_they_were_learnt():
    frames = noise(300, 6) @ noise(6, 6, 1) + 4 * noise(1, 6, 2)
    along = learnt(frames, most=4)
    assert along.axes.shape == (6, 4)
    places = along.places(frames)
    torch.testing.assert_close(places.T.cov(correction=0), torch.eye(4), atol=1e-3, rtol=0)
    standard = (frames - frames.mean(0)) / frames.std(0, correction=0)
    wanted = torch.linalg.svd(standard).Vh[:4].T / frames.std(0, correction=0)[:, None]
    cosines = torch.cosine_similarity(along.axes, wanted, dim=0).abs()
    torch.testing.assert_close(cosines, torch.ones(4), atol=1e-3, rtol=0)


def test_frames_that_vary_in_few_directions_have_as_many_and_constant_numbers_none():
    frames = torch.cat([noise(50, 2), torch.full((50, 3), 7.0)], 1)
    along = learnt(frames)
    assert along.axes.shape == (5, 2) and bool((along.axes[2:] == 0).all())
    with pytest.raises(ParameterError, match="do not differ"):
        learnt(torch.full((9, 3), 2.0))
    with pytest.raises(ParameterError, match="found 0 frames"):
        FrameMoments().directions()


def test_every_pool_has_its_width_and_movement_wants_directions():
    frames, along = noise(9, 6), learnt(noise(60, 6), most=4)
    widths = {how: len(pooled(frames, how, along)) for how in POOLS}
    assert widths == {"mean+std": 12, "mean": 6, "max": 6, "mean+max": 12, "mean+std+movement": 12 + 10 + 6}
    assert bool(torch.isfinite(pooled(frames[:1], "mean+std+movement", along)).all())
    with pytest.raises(ParameterError, match="without directions"):
        pooled(frames, "mean+std+movement")
