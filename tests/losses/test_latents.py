"""What a latent costs, by numbers that fit on paper."""

import math

import pytest
import torch

from smalti.losses import (
    active_units,
    free_divergence,
    importance_bound,
    importance_weights,
    mutual_information,
    prior_divergence,
)

TWO_CLIPS = torch.tensor([[1.0, 5.0], [0.0, 2.0]])


def _posterior(clips: int = 3, latent: int = 4) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(clips * 10 + latent)
    mean = torch.randn(clips, latent, generator=generator)
    return mean, 0.3 * torch.randn(clips, latent, generator=generator) - 0.5


def test_the_prior_itself_costs_nothing_and_a_step_aside_half_its_square():
    mean, log_variance = torch.tensor([[0.0, 3.0, 0.0]]), torch.tensor([[0.0, 0.0, math.log(2.0)]])
    found = prior_divergence(mean, log_variance)
    assert found.tolist() == [[0.0, 4.5, pytest.approx(0.5 * (2 - math.log(2) - 1))]]


def test_the_divergence_is_what_torch_says():
    mean, log_variance = _posterior()
    wanted = torch.distributions.kl_divergence(
        torch.distributions.Normal(mean, (log_variance / 2).exp()), torch.distributions.Normal(0.0, 1.0)
    )
    torch.testing.assert_close(prior_divergence(mean, log_variance), wanted)


@pytest.mark.parametrize(
    ("mode", "as_maximum", "as_mask"), [(0, 4.0, 4.0), (1, 5.0, 3.0), (2, 5.5, 2.5), (3, 4.0, 0.0)]
)
def test_free_bits_are_a_maximum_and_the_published_masks_only_on_request(mode: int, as_maximum: float, as_mask: float):
    assert float(free_divergence(TWO_CLIPS, mode=mode, target=4.0)) == as_maximum
    assert float(free_divergence(TWO_CLIPS, mode=mode, target=4.0, parity=True)) == as_mask


@pytest.mark.parametrize("mode", [1, 2, 3])
def test_above_the_target_both_forms_charge_all_and_below_nothing_pulls(mode: int):
    assert float(free_divergence(TWO_CLIPS + 9, mode=mode, target=4.0)) == float((TWO_CLIPS + 9).sum(1).mean())
    for parity in (False, True):
        small = (TWO_CLIPS / 100).requires_grad_()
        free_divergence(small, mode=mode, target=4.0, parity=parity).backward()
        assert small.grad is not None and not small.grad.any()


def test_the_mean_over_clips_comes_before_the_maximum_of_a_dimension():
    unequal = torch.tensor([[4.0, 0.0], [0.0, 0.0]]).requires_grad_()
    charged = free_divergence(unequal, mode=2, target=2.0)  # each dimension is free up to 1
    assert float(charged) == 2.0 + 1.0
    charged.backward()
    assert unequal.grad is not None and unequal.grad.tolist() == [[0.5, 0.0], [0.5, 0.0]]
    alone = torch.tensor([[4.0, 0.0], [0.0, 0.0]]).requires_grad_()
    free_divergence(alone, mode=2, target=2.0, parity=True).backward()
    assert alone.grad is not None and alone.grad.tolist() == [[0.5, 0.0], [0.0, 0.0]]


def test_the_bounds_meet_where_the_posterior_is_exact():
    """x = z + noise with unit variances: log p(x) is known, and q(z|x) = N(x/2, 1/2) is exact."""
    x = torch.tensor([[0.7], [-1.3]])
    mean, log_variance = x / 2, torch.full_like(x, math.log(0.5))
    generator = torch.Generator().manual_seed(0)
    z = mean + torch.randn(5, 2, 1, generator=generator) * (log_variance / 2).exp()
    likely = torch.distributions.Normal(z, 1.0).log_prob(x).sum(-1)
    weights = importance_weights(likely, z, mean, log_variance)
    wanted = torch.distributions.Normal(0.0, math.sqrt(2)).log_prob(x).sum(-1)
    torch.testing.assert_close(weights, wanted.expand(5, 2))
    torch.testing.assert_close(importance_bound(weights), wanted)


def test_a_bound_of_more_draws_is_no_looser():
    weights = torch.randn(64, 7, generator=torch.Generator().manual_seed(1))
    assert (importance_bound(weights) >= weights.mean(0)).all()
    assert torch.equal(importance_bound(weights[:1]), weights[0])


def test_information_is_none_for_equal_posteriors_and_log_clips_for_separate_ones():
    generator = torch.Generator().manual_seed(2)
    same = torch.zeros(8, 3)
    drawn = torch.randn(8, 3, generator=generator)
    assert float(mutual_information(drawn, same, same)) == pytest.approx(0.0, abs=1e-5)
    apart = 100.0 * torch.arange(8.0)[:, None].expand(8, 3)
    assert float(mutual_information(apart + drawn, apart, same)) == pytest.approx(math.log(8), abs=1e-5)


def test_units_are_active_when_their_means_differ_between_clips():
    mean = torch.tensor([[0.0, 1.0, 0.2], [0.0, -1.0, 0.0]])
    assert active_units(mean) == 2  # variances 0, 1 and 0.01
    assert active_units(mean, least=0.011) == 1
    assert active_units(mean[:1]) == 0
