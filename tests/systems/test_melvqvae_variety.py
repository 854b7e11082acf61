"""Varied crops are sounds that could be: levels, bands and sums as asked for, silence silent, equal for equal seeds."""

import torch
from torch import Tensor

from smalti.features import MEL_PRESETS
from smalti.systems.melvqvae.config import VaryConfig
from smalti.systems.melvqvae.variety import vary

PICTURE = MEL_PRESETS["specvqgan"]


def _pictures() -> Tensor:
    pictures = torch.rand(5, 80, 7, generator=torch.Generator().manual_seed(0))
    pictures[:, :, 3] = 0
    return pictures


def _varied(seed: int = 0, **asked: float) -> Tensor:
    return vary(_pictures(), VaryConfig(**asked), PICTURE, generator=torch.Generator().manual_seed(seed))


def test_asked_for_nothing_pictures_stay_as_they_are() -> None:
    assert torch.equal(_varied(), _pictures())


def test_the_seed_decides_and_silence_stays_silent() -> None:
    asked = {"gain_db": 6.0, "shift_bands": 3, "together": 0.5}
    assert torch.equal(_varied(1, **asked), _varied(1, **asked))
    assert not torch.equal(_varied(1, **asked), _varied(2, **asked))
    assert not _varied(1, **asked)[:, :, 3].any()
    assert _varied(1, **asked).min() >= 0 and _varied(1, **asked).max() <= 1


def test_a_share_of_crops_is_silence() -> None:
    silent = [not picture.any() for seed in range(40) for picture in _varied(seed, silent=0.3)]
    assert 40 <= sum(silent) <= 80  # of 200, about 60
    assert all(
        torch.equal(one, other) for one, other in zip(_varied(silent=0.3), _pictures(), strict=True) if one.any()
    )


def test_gains_are_one_number_of_decibels_for_a_picture() -> None:
    moved = (_varied(gain_db=6.0) - _pictures())[:, :, 0]
    kept = (_pictures()[:, :, 0] > 0.1) & (_pictures()[:, :, 0] < 0.9)
    for row, inside in zip(moved, kept, strict=True):
        assert row[inside].max() - row[inside].min() < 1e-6
        assert 0 < row[inside].abs().max() <= 6 / PICTURE.range_db + 1e-6


def test_bands_move_together() -> None:
    moved = _varied(shift_bands=3)
    for before, after in zip(_pictures(), moved, strict=True):
        assert any(torch.equal(before.roll(step, 0)[4:-4], after[4:-4]) for step in range(-3, 4))


def test_two_equal_sounds_together_are_three_decibels_louder() -> None:
    pictures = torch.full((2, 80, 4), 0.5)
    both = vary(pictures, VaryConfig(together=1.0), PICTURE, generator=torch.Generator())
    assert torch.allclose(both, torch.full_like(both, 0.5 + 3.0103 / 100), atol=1e-5)
