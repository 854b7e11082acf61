"""A sound that follows its curve scores one, a late one shows its lag, and silence in between is left out."""

import math

import pytest
import torch
from torch import Tensor

from smalti.core import ParameterError
from smalti.evaluate import TrajectoryScore, trajectory_correlation

RATE = 100


def level(samples: Tensor, sample_rate: int) -> float:
    return float(samples.mean()) if samples.any() else math.nan


def follow(samples: Tensor, asked: object = None) -> TrajectoryScore:
    return trajectory_correlation(
        level, samples, sample_rate=RATE, asked=asked or step, window_seconds=0.5, hop_seconds=0.1
    )


def step(time: float) -> float:
    return 2.0 if time < 4 else 9.0


def sound(delay: float, seconds: int = 10) -> Tensor:
    return torch.tensor([step(i / RATE - delay) for i in range(seconds * RATE)])


def test_a_sound_that_follows_is_fully_correlated_and_not_late() -> None:
    score = follow(sound(0.0))
    assert score.correlation > 0.99
    assert score.spearman > 0.9
    assert score.lag_seconds == pytest.approx(0, abs=0.06)
    assert score.times[0] == pytest.approx(0.25)
    assert score.measured[0] == 2 and score.asked[-1] == 9


def test_a_late_sound_shows_its_lag() -> None:
    assert follow(sound(1.5)).lag_seconds == pytest.approx(1.5, abs=0.06)


def test_a_ramp_that_runs_the_wrong_way_is_negative() -> None:
    ramp = torch.linspace(1, 5, 8 * RATE)
    assert follow(ramp, lambda time: 6 - time / 2).correlation == pytest.approx(-1, abs=1e-3)


def test_a_sound_that_stands_still_follows_nothing() -> None:
    assert follow(torch.full((600,), 3.0)).correlation == 0


def test_windows_without_a_value_are_kept_as_null_and_left_out_of_the_score() -> None:
    gap = sound(0.0)
    gap[300:380] = 0
    score = follow(gap)
    assert score.correlation > 0.98
    assert any(math.isnan(value) for value in score.measured)
    assert None in score.to_json()["measured"]


def test_two_windows_are_too_few() -> None:
    with pytest.raises(ParameterError, match="longer sound"):
        follow(torch.ones(60))
