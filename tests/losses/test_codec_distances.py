"""The distances that a codec learns by are those that it is scored by."""

import pytest
import torch

from smalti.evaluate.yardstick import log_mel_l1_db
from smalti.losses import SpectralDistances, yardstick


def test_in_decibels_it_is_the_yardstick() -> None:
    generator = torch.Generator().manual_seed(0)
    wanted, found = (scale * torch.randn(1, 24000, generator=generator) for scale in (0.1, 0.03))
    # the last frame of a window whose hop divides the sound lies behind it
    decibels, linear = yardstick(24000).of(found, wanted, torch.tensor([24001]))
    assert float(decibels) == pytest.approx(log_mel_l1_db(wanted[0], found[0], 24000), rel=1e-4)
    assert 0.5 < float(linear) < 1.0


def test_an_item_counts_as_far_as_it_goes() -> None:
    generator = torch.Generator().manual_seed(0)
    wanted, found = (0.1 * torch.randn(2, 6000, generator=generator) for _ in range(2))
    wanted[1, 2048:], found[1, 2048:] = 0, 0
    spectra: SpectralDistances = yardstick(24000)
    both = spectra.of(found, wanted, torch.tensor([6000, 2048]))
    found[1, 2048 + 1024 :] = 1.0  # beyond the reach of every frame that is judged
    assert [float(each) for each in both] == [
        float(each) for each in spectra.of(found, wanted, torch.tensor([6000, 2048]))
    ]


def test_silence_has_a_finite_distance_with_a_finite_slope() -> None:
    found = torch.zeros(1, 4096, requires_grad=True)
    decibels, linear = yardstick(24000).of(found, torch.zeros(1, 4096), torch.tensor([4096]))
    (decibels + linear).backward()
    assert float(decibels) == float(linear) == 0.0
    assert found.grad is not None and bool(found.grad.isfinite().all())
