"""The classifier tells sounds apart that differ in pitch, in movement and in level, at any length."""

import math

import pytest
import torch
from torch import Tensor

from smalti.core import ParameterError
from smalti.evaluate import clip_statistics, fit_classifier

RATE = 8000
KINDS = ("low", "high", "noise", "tremolo")


def clip(kind: str, seed: int, seconds: float = 0.7) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    time = torch.arange(round(seconds * RATE)) / RATE
    noise = torch.randn(len(time), generator=generator)
    jitter = 1 + 0.1 * float(torch.rand(1, generator=generator))
    tone = {"low": 200.0, "high": 1500.0}.get(kind)
    if tone:
        return 0.3 * (2 * math.pi * tone * jitter * time).sin() + 0.003 * noise
    moving = (0.55 + 0.45 * (2 * math.pi * 9 * jitter * time).sin()) if kind == "tremolo" else 0.5
    return 0.2 * moving * noise


def heard(seeds: range, seconds: float = 0.7) -> tuple[Tensor, list[str]]:
    pairs = [(clip(kind, seed, seconds), kind) for kind in KINDS for seed in seeds]
    return clip_statistics((c for c, _ in pairs), RATE, bands=20), [kind for _, kind in pairs]


def test_new_clips_are_told_apart_even_at_another_length() -> None:
    classifier = fit_classifier(*heard(range(12)))
    assert classifier.accuracy(*heard(range(100, 110))) == 1
    assert classifier.accuracy(*heard(range(200, 210), seconds=1.1)) >= 0.95


def test_learning_twice_gives_the_same_weights() -> None:
    features, labels = heard(range(5))
    assert torch.equal(fit_classifier(features, labels).weights, fit_classifier(features, labels).weights)


def test_one_strange_number_does_not_outvote_the_others() -> None:
    features, labels = heard(range(12))
    strange = features.clone()
    strange[:, 3] = 1e6
    assert fit_classifier(features, labels).accuracy(strange, labels) >= 0.9


def test_statistics_of_the_shortest_clip_are_numbers() -> None:
    found = clip_statistics([torch.ones(1), torch.zeros(50)], RATE, bands=10)
    assert found.shape == (2, 80)
    assert found.isfinite().all()


def test_one_kind_alone_is_refused() -> None:
    with pytest.raises(ParameterError, match="two kinds"):
        fit_classifier(torch.rand(3, 4), ["a", "a", "a"])
    with pytest.raises(ParameterError, match="one label for each"):
        fit_classifier(*heard(range(2))).accuracy(torch.rand(3, 160), ["low"])
