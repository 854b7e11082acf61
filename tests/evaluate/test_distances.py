"""Distances in blocks are those of the whole."""

import pytest
import torch

from smalti.evaluate import distances
from smalti.evaluate.distances import picture_blocks, picture_distance, stft_distance
from smalti.features import MEL_PRESETS, hop_by_hop
from smalti.losses import multi_resolution_stft


def noise(samples: int, seed: int) -> torch.Tensor:
    return 0.1 * torch.randn(samples, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("name", MEL_PRESETS)
@pytest.mark.parametrize("samples", [1, 5000, 70_001])
def test_blocks_of_a_picture_are_the_picture(name: str, samples: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(distances, "_BLOCK_SECONDS", 1)
    picture, wave = MEL_PRESETS[name], noise(samples, 1)
    whole, other = (hop_by_hop(noise(samples, seed)[None], picture)[0] for seed in (1, 2))
    torch.testing.assert_close(torch.cat([*picture_blocks(wave, picture)], dim=1), whole, rtol=0, atol=1e-6)
    found = picture_distance(picture_blocks(noise(samples, 2), picture), picture_blocks(wave, picture), picture)
    assert found == pytest.approx(float((whole - other).abs().mean()) * picture.range_db, rel=1e-4)


def test_the_distance_of_spectra_is_a_mean_over_minutes_by_their_length(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(distances, "_BLOCK_SECONDS", 1)
    one, other = noise(12_000, 1), noise(12_000, 2)
    parts = [float(multi_resolution_stft(one[None, s], other[None, s])) for s in (slice(8000), slice(8000, None))]
    assert stft_distance(one, other, 8000) == pytest.approx((2 * parts[0] + parts[1]) / 3)
