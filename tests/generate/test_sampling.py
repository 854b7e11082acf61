"""Sampling: filters keep what they say, dice follow the chances, and each row has dice of its own."""

import math

import pytest
import torch

from smalti.core import ParameterError
from smalti.generate import Sampling, choose

LOGITS = torch.tensor([0.5, 0.3, 0.1, 0.06, 0.04]).log()


def _drawn(sampling: Sampling, count: int = 20_000) -> torch.Tensor:
    logits = LOGITS.expand(1, count, 5)
    codes = choose(logits, sampling, [torch.Generator().manual_seed(11)])
    return torch.bincount(codes.flatten(), minlength=5) / count


def test_plain_sampling_draws_each_code_as_often_as_the_model_says():
    assert (_drawn(Sampling(top_p=1)) - LOGITS.exp()).abs().max() < 0.01


def test_temperature_sharpens_and_zero_takes_the_likeliest():
    wanted = (LOGITS / 0.5).softmax(0)
    assert (_drawn(Sampling(top_p=1, temperature=0.5)) - wanted).abs().max() < 0.01
    assert _drawn(Sampling(temperature=0)).tolist() == [1, 0, 0, 0, 0]


@pytest.mark.parametrize(
    ("sampling", "kept"),
    [
        (Sampling(top_p=1, top_k=2), 2),
        (Sampling(top_p=0.79), 2),
        (Sampling(top_p=0.81), 3),
        (Sampling(top_p=0), 1),
        (Sampling(top_p=1, min_p=0.15), 3),
        (Sampling(top_p=1, top_k=99), 5),
    ],
)
def test_filters_keep_the_likeliest_in_their_proportions(sampling: Sampling, kept: int):
    chances = LOGITS.exp()[:kept]
    assert (_drawn(sampling)[:kept] - chances / chances.sum()).abs().max() < 0.015
    assert not _drawn(sampling)[kept:].any()


@pytest.mark.parametrize(
    "sampling",
    [
        Sampling(),
        Sampling(top_p=1),
        Sampling(temperature=0.7, top_p=0.5),
        Sampling(top_k=20, top_p=0.8),
        Sampling(top_k=7, top_p=1, min_p=0.2),
        Sampling(top_p=0),
    ],
)
def test_codes_are_those_of_the_race_run_number_by_number(sampling: Sampling):
    """Written once more without any care for time."""
    logits = 2 * torch.randn(3, 4, 50, generator=torch.Generator().manual_seed(5))
    found = choose(logits, sampling, [torch.Generator().manual_seed(seed) for seed in range(3)])
    for row in range(3):
        dice = torch.rand(4, 50, generator=torch.Generator().manual_seed(row), dtype=torch.float64).tolist()
        for codebook in range(4):
            chances = (logits[row, codebook] / sampling.temperature).softmax(0).tolist()
            order = sorted(range(50), key=lambda code: -chances[code])[: sampling.top_k or None]
            whole, reached, kept = sum(chances[code] for code in order), 0.0, list[int]()
            for code in order:
                likely = chances[code] >= sampling.min_p * chances[order[0]]
                if not kept or (reached < sampling.top_p * whole and likely):
                    kept.append(code)
                reached += chances[code]
            race = {code: chances[code] / -math.log(dice[codebook][code]) for code in kept}
            assert found[row, codebook] == max(race, key=lambda code: race[code])


def test_a_row_draws_the_same_alone_and_in_any_batch_although_logits_tremble():
    generator = torch.Generator().manual_seed(5)
    trembles, different = 1e-6, 0
    dice = [torch.Generator().manual_seed(seed) for seed in range(8)]
    alone = torch.Generator().manual_seed(3)
    for _ in range(500):
        logits = 3 * torch.randn(8, 4, 64, generator=generator)
        trembling = logits[3:4] + trembles * torch.randn(1, 4, 64, generator=generator)
        together = choose(logits, Sampling(), dice)
        different += int((choose(trembling, Sampling(), [alone]) != together[3:4]).sum())
    assert different == 0


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"temperature": -1.0}, "temperature is -1"),
        ({"top_k": -1}, "top_k is -1"),
        ({"top_p": 1.5}, "top_p is 1.5"),
        ({"min_p": 2.0}, "min_p is 2"),
        ({"guidance": float("nan")}, "guidance is nan"),
    ],
)
def test_what_cannot_be_is_refused(wrong: dict, words: str):
    with pytest.raises(ParameterError, match=words):
        Sampling(**wrong)
