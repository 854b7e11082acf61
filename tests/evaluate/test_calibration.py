"""An estimator's own errors are taken off by what it says of known sounds, and nothing is made of one that is deaf."""

import math

import pytest
import torch

from smalti.evaluate.calibration import Calibration

ASKED = torch.logspace(0, 2, 25, dtype=torch.float64)


def test_an_estimator_that_is_right_changes_nothing() -> None:
    curve = Calibration.of(ASKED, ASKED, scale="log")
    found = torch.tensor([0.5, 3.0, 40.0, 300.0], dtype=torch.float64)
    assert torch.allclose(curve.correct(found), found, rtol=1e-9)


def test_a_bent_estimator_is_corrected_even_beyond_its_ends() -> None:
    curve = Calibration.of(ASKED, 3 * ASKED**0.5, scale="log")
    assert torch.allclose(curve.correct(3 * ASKED**0.5), ASKED, rtol=1e-6)
    assert float(curve.correct(torch.tensor([3 * 400**0.5], dtype=torch.float64))) == pytest.approx(400, rel=1e-6)


def test_values_may_lie_in_heaps() -> None:
    heaps = torch.tensor([1.02, 1.04, 1.2, 5.8, 6.0, 6.2, 30.0, 31.0, 90.0, 97.0, 99.0], dtype=torch.float64)
    corrected = Calibration.of(heaps, 1.25 * heaps, scale="log").correct(1.25 * heaps)
    assert torch.allclose(corrected, heaps, rtol=1e-6)


def test_a_linear_parameter_may_be_zero_or_below() -> None:
    asked = torch.linspace(-1, 1, 20, dtype=torch.float64)
    curve = Calibration.of(asked, 2 * asked + 0.5, scale="lin")
    assert torch.allclose(curve.correct(2 * asked + 0.5), asked, atol=1e-9)


def test_noise_never_turns_the_curve() -> None:
    noise = torch.randn(25, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    curve = Calibration.of(ASKED, ASKED * (0.8 * noise).exp(), scale="log")
    corrected = curve.correct(torch.logspace(-1, 3, 200, dtype=torch.float64))
    assert bool((corrected.diff() > 0).all())


def test_a_deaf_estimator_says_one_value_for_all() -> None:
    curve = Calibration.of(ASKED, torch.full_like(ASKED, 7.0), scale="log")
    assert len(set(curve.correct(torch.tensor([1.0, 7.0, 90.0], dtype=torch.float64)).tolist())) == 1


def test_an_estimator_that_runs_backwards_is_not_turned_round() -> None:
    corrected = Calibration.of(ASKED, 1 / ASKED, scale="log").correct(1 / ASKED)
    assert corrected.max() - corrected.min() < 1e-9


def test_what_could_not_be_measured_stays_so() -> None:
    heard = torch.where(torch.arange(25) % 5 == 0, math.nan, ASKED)
    curve = Calibration.of(ASKED, heard, scale="log")
    assert math.isnan(float(curve.correct(torch.tensor([math.nan], dtype=torch.float64))))
    silent = Calibration.of(ASKED, torch.full_like(ASKED, math.nan), scale="log")
    assert silent.correct(ASKED).isnan().all()
