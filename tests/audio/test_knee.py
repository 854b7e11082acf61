"""Peaks are bent into full scale, and nothing else is touched."""

import torch

from smalti.audio.knee import KNEE, within_full_scale


def test_what_is_quiet_stays_and_what_is_loud_keeps_its_order_within_full_scale() -> None:
    samples = torch.linspace(-3, 3, 2001, dtype=torch.float64)
    bent = within_full_scale(samples)
    quiet = samples.abs() <= KNEE
    assert torch.equal(bent[quiet], samples[quiet])
    assert bent.abs().max() <= 1 and (bent.diff() >= 0).all()
    assert torch.equal(within_full_scale(-samples), -bent)


def test_the_slope_is_even_at_the_knee() -> None:
    at = torch.tensor([KNEE - 1e-6, KNEE, KNEE + 1e-6], dtype=torch.float64)
    below, above = within_full_scale(at).diff() / at.diff()
    assert abs(below - above) < 1e-4
