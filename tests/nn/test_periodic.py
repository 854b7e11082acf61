"""Periodic activations: bounded by their formula, and free of what lies above the band."""

import torch

from smalti.nn.periodic import REACH, AntiAliased, Snake, low_pass


def test_the_snake_follows_its_formula_and_starts_where_alpha_is_one() -> None:
    steps = torch.linspace(-2, 2, 9).expand(1, 3, 9)
    for own in (False, True):
        snake = Snake(3, own_beta=own)
        torch.testing.assert_close(snake(steps), steps + steps.sin() ** 2)
        with torch.no_grad():
            snake.alpha.fill_(0.5)
        height = 1.0 if own else torch.tensor(0.5).exp()
        wanted = steps + (steps * torch.tensor(0.5).exp()).sin() ** 2 / height
        torch.testing.assert_close(snake(steps), wanted)


def test_the_filter_keeps_the_lower_half_of_the_band_and_stops_the_rest() -> None:
    taps = low_pass()[0, 0].double()
    response = torch.fft.rfft(taps, 480).abs()
    assert abs(float(taps.sum()) - 1) < 1e-6 and torch.allclose(taps, taps.flip(0))
    assert response[:40].min() > 0.85 and response[220:].max() < 0.05


def test_without_an_activation_only_the_edge_of_the_band_is_touched() -> None:
    time = torch.arange(200.0)
    low = torch.sin(0.2 * time)[None, None].expand(1, 2, -1)
    around = AntiAliased(torch.nn.Identity())
    inside = slice(20, 180)
    assert torch.allclose(around(low)[:, :, inside], low[:, :, inside], atol=0.02)


def test_no_more_than_its_reach_changes_a_step() -> None:
    steps = torch.randn(1, 1, 61, generator=torch.Generator().manual_seed(0)).requires_grad_(True)
    (gradient,) = torch.autograd.grad(AntiAliased(Snake(1, own_beta=True))(steps)[0, 0, 30], steps)
    reached = gradient[0, 0].nonzero()
    assert max(30 - int(reached.min()), int(reached.max()) - 30) <= REACH
