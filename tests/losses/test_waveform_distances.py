"""Distances of waveforms: by hand, against an independent transform, and finite where there is nothing to hear."""

import math

import pytest
import torch

from smalti.features import MEL_PRESETS
from smalti.losses import PUBLISHED_RESOLUTIONS, Resolution, mel_l1, multi_resolution_stft

_PICTURE = MEL_PRESETS["specvqgan"]


def _noise(rows: int, samples: int, seed: int = 0) -> torch.Tensor:
    return 0.1 * torch.randn(rows, samples, generator=torch.Generator().manual_seed(seed))


def test_twice_the_sound_is_one_norm_and_one_octave_of_level_away() -> None:
    wanted = _noise(2, 5003)
    assert float(multi_resolution_stft(2 * wanted, wanted, floor=1e-12)) == pytest.approx(1 + math.log(2), rel=1e-5)
    assert float(multi_resolution_stft(wanted, wanted)) < 1e-6


def test_it_equals_the_formula_on_another_transform() -> None:
    """Silence at both ends, so that mirroring (as auraloss pads) and silence are the same."""
    found, wanted = (torch.nn.functional.pad(_noise(2, 4000, seed), (1500, 1500)) for seed in (1, 2))
    terms = []
    for n_fft, window, hop in PUBLISHED_RESOLUTIONS:
        spectra = (
            torch.stft(x, n_fft, hop, window, torch.hann_window(window), return_complex=True) for x in (found, wanted)
        )
        made, real = (torch.sqrt(torch.clamp(s.real**2 + s.imag**2, min=1e-8)) for s in spectra)
        convergence = torch.linalg.norm(real - made, dim=(1, 2)) / torch.linalg.norm(real, dim=(1, 2))
        terms.append(convergence.mean() + (real.log() - made.log()).abs().mean())
    assert float(multi_resolution_stft(found, wanted)) == pytest.approx(float(sum(terms) / 3), rel=1e-4)


@pytest.mark.parametrize("silent", ["found", "wanted", "both"])
def test_silence_has_a_finite_distance_and_slope(silent: str) -> None:
    found = torch.zeros(2, 3000) if silent != "wanted" else _noise(2, 3000)
    wanted = torch.zeros(2, 3000) if silent != "found" else _noise(2, 3000, 3)
    found.requires_grad_(True)
    loss = multi_resolution_stft(found, wanted) + mel_l1(found, wanted, _PICTURE)
    loss.backward()
    assert torch.isfinite(loss) and found.grad is not None and torch.isfinite(found.grad).all()


def test_an_item_counts_by_itself() -> None:
    """A loud item does not hide what is wrong with a quiet one."""
    wanted = torch.cat([_noise(1, 3000), 1e-2 * _noise(1, 3000, 1)])
    found = torch.cat([wanted[:1], 2 * wanted[1:]])
    one = [Resolution(64, 64, 16)]
    assert float(multi_resolution_stft(found, wanted, resolutions=one, floor=1e-9)) == pytest.approx(
        (1 + math.log(2)) / 2, rel=1e-4
    )


def test_a_level_in_decibels_is_a_level_in_the_picture() -> None:
    wanted = _noise(2, 5003)
    assert float(mel_l1(wanted * 10 ** (6 / 20), wanted, _PICTURE)) == pytest.approx(0.06, rel=1e-2)


def test_what_is_too_quiet_for_the_picture_still_has_a_slope() -> None:
    found, wanted = (1e-6 * _noise(1, 3000)).requires_grad_(True), _noise(1, 3000, 1)
    mel_l1(found, wanted, _PICTURE).backward()
    assert found.grad is not None and found.grad.abs().max() > 0
