"""The likelihood of mel frames is a likelihood, and distances along time are distances along time."""

import math

import pytest
import torch
from torch import distributions

from smalti.features import FrameGuess
from smalti.losses import frame_distance, frame_log_density


def guess(batch: int, frames: int, components: int, bands: int) -> FrameGuess:
    generator = torch.Generator().manual_seed(batch + frames)
    return FrameGuess(
        torch.randn(batch, frames, components, generator=generator),
        torch.rand(batch, frames, components, bands, generator=generator),
        0.05 + 0.2 * torch.rand(batch, frames, components, bands, generator=generator),
    )


def test_inside_the_range_it_is_the_mixture_of_normals_that_torch_has() -> None:
    believed, frames = guess(2, 5, 3, 4), 0.02 + 0.96 * torch.rand(2, 4, 5, generator=torch.Generator().manual_seed(0))
    parts = distributions.Independent(distributions.Normal(believed.means, believed.deviations), 1)
    whole = distributions.MixtureSameFamily(distributions.Categorical(logits=believed.weights), parts)
    torch.testing.assert_close(frame_log_density(believed, frames), whole.log_prob(frames.mT), rtol=0, atol=1e-4)


def test_all_levels_together_are_certain() -> None:
    believed = guess(1, 1, 3, 1)
    grid = torch.linspace(0, 1, 20_001)[1:-1]
    inside = frame_log_density(
        FrameGuess(*(part.expand(1, len(grid), *part.shape[2:]) for part in
                     (believed.weights, believed.means, believed.deviations))),
        grid[None, None],
    ).exp().mean()  # fmt: skip
    ends = sum(frame_log_density(believed, torch.full((1, 1, 1), end)).exp() for end in (0.0, 1.0))
    assert float(inside + ends) == pytest.approx(1, abs=1e-3)


def test_in_decibels_a_level_has_less_density_and_silence_is_as_certain() -> None:
    believed = guess(1, 2, 2, 3)
    levels, silence = torch.full((1, 3, 2), 0.4), torch.zeros(1, 3, 2)
    per_range, per_decibel = (frame_log_density(believed, levels, units=units) for units in (1.0, 80.0))
    torch.testing.assert_close(per_range - per_decibel, torch.full((1, 2), 3 * math.log(80)), rtol=0, atol=1e-4)
    assert torch.equal(frame_log_density(believed, silence), frame_log_density(believed, silence, units=80.0))
    assert (frame_log_density(believed, silence) < 0).all()


def test_frames_that_are_not_there_count_for_nothing_and_have_no_gradient() -> None:
    believed, frames = guess(2, 3, 2, 4), torch.rand(2, 4, 3, generator=torch.Generator().manual_seed(1))
    frames[1, :, 2] = math.nan
    means = believed.means.clone().requires_grad_()
    found = frame_log_density(FrameGuess(believed.weights, means, believed.deviations), frames)
    assert found[1, 2] == 0
    found.sum().backward()
    assert means.grad is not None and means.grad.isfinite().all()
    assert (means.grad[1, 2] == 0).all() and (means.grad[1, 1] != 0).any()


def test_gradients_stay_finite_far_from_what_was_believed() -> None:
    means, deviations = torch.full((1, 1, 2, 3), 0.9).requires_grad_(), torch.full((1, 1, 2, 3), 0.006).requires_grad_()
    for level in (0.0, 0.1, 1.0):
        found = frame_log_density(FrameGuess(torch.zeros(1, 1, 2), means, deviations), torch.full((1, 3, 1), level))
        for gradient in torch.autograd.grad(found.sum(), (means, deviations)):
            assert gradient.isfinite().all()


def test_averages_run_along_time_and_not_along_bands() -> None:
    wanted = torch.zeros(1, 4, 16)
    in_time, in_bands = wanted.clone(), wanted.clone()
    in_time[:, :, ::2], in_time[:, :, 1::2] = 1.0, -1.0
    in_bands[:, ::2], in_bands[:, 1::2] = 1.0, -1.0
    # alternating frames average away at scales 2, 4 and 8; alternating bands at none
    assert float(frame_distance(in_time, wanted)) == pytest.approx(1 + 0.5 * 1 / 4)
    assert float(frame_distance(in_bands, wanted)) == pytest.approx(1 + 0.5)


def test_distances_leave_out_what_is_not_there() -> None:
    wanted = torch.rand(2, 3, 9, generator=torch.Generator().manual_seed(2))
    wanted[1, :, 5:] = math.nan
    near, far = wanted.nan_to_num() + 0.1, wanted.nan_to_num() + 0.1
    far[1, :, 5:] = 7.0
    assert torch.equal(frame_distance(near, wanted), frame_distance(far, wanted))
    assert float(frame_distance(near, wanted)) == pytest.approx(0.01 + 0.05, rel=1e-4)
