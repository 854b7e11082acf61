"""Distances over scales: by hand, finite where nothing sounds, and blind to padding."""

import math

import librosa
import pytest
import torch

from smalti.features import MEL_PRESETS
from smalti.losses import (
    PUBLISHED_BANDS,
    PUBLISHED_SCALES,
    ended,
    mel_l1,
    multi_scale_mel,
    multi_scale_stft,
    time_l1,
)

_PICTURE = MEL_PRESETS["wide"]


def _noise(rows: int, samples: int, seed: int = 0) -> torch.Tensor:
    return 0.1 * torch.randn(rows, samples, generator=torch.Generator().manual_seed(seed))


def test_the_published_scales_are_windows_of_32_to_2048_samples() -> None:
    assert PUBLISHED_SCALES == (32, 64, 128, 256, 512, 1024, 2048)


def test_it_equals_the_formula_on_another_transform() -> None:
    """Silence at both ends, so that mirroring and silence are the same."""
    found, wanted = (torch.nn.functional.pad(_noise(2, 4000, seed), (1500, 1500)) for seed in (1, 2))
    terms = []
    for window in PUBLISHED_SCALES:
        hann = torch.hann_window(window)
        made, real = (
            torch.stft(x, window, window // 4, window, hann, return_complex=True).abs() / hann.square().sum().sqrt()
            for x in (found, wanted)
        )
        terms.append((made - real).abs().mean() + 0.7 * (made - real).square().mean(1).sqrt().mean())
    assert float(multi_scale_stft(found, wanted, squared=0.7)) == pytest.approx(float(sum(terms) / 7), rel=1e-4)


@pytest.mark.parametrize("case", ["found is silent", "wanted is silent", "both are", "they are equal", "half is equal"])
def test_silence_and_equality_have_a_finite_slope(case: str) -> None:
    """The published loss gives NaN where both spectra agree in a frame."""
    found = torch.zeros(2, 3000) if case in ("found is silent", "both are") else _noise(2, 3000)
    wanted = torch.zeros(2, 3000) if case in ("wanted is silent", "both are") else _noise(2, 3000, 3)
    if case == "they are equal":
        wanted = found.clone()
    if case == "half is equal":
        wanted[:, :1500] = found[:, :1500]
    found.requires_grad_(True)
    loss = time_l1(found, wanted) + multi_scale_stft(found, wanted)
    loss.backward()
    assert found.grad is not None and torch.isfinite(found.grad).all() and torch.isfinite(loss)
    assert (float(loss) < 1e-9) == (case in ("both are", "they are equal"))


@pytest.mark.parametrize("length", [1, 511, 1024, 2999])
@pytest.mark.parametrize(
    "distance", [time_l1, multi_scale_stft, lambda found, wanted, lengths: mel_l1(found, wanted, _PICTURE, lengths)]
)
def test_what_lies_behind_the_end_is_not_judged(distance, length: int) -> None:
    found, wanted = _noise(1, 3000, 1), _noise(1, 3000, 2)
    alone = distance(found[:, :length], wanted[:, :length], torch.tensor([length]))
    assert float(alone) > 0
    assert float(distance(found, wanted, torch.tensor([length]))) == pytest.approx(float(alone), rel=1e-5)
    assert float(distance(found[:, :length], wanted[:, :length], None)) == pytest.approx(float(alone), rel=1e-5)


def test_a_frame_counts_the_same_in_every_item() -> None:
    found, wanted, lengths = _noise(2, 3000, 1), _noise(2, 3000, 2), torch.tensor([3000, 1000])
    parts = [float(time_l1(found[i : i + 1, :n], wanted[i : i + 1, :n])) for i, n in enumerate(lengths.tolist())]
    assert float(time_l1(found, wanted, lengths)) == pytest.approx((3 * parts[0] + parts[1]) / 4, rel=1e-5)
    assert float(time_l1(found, wanted, torch.tensor([0, 0]))) == 0


def test_sounds_end_where_they_are_said_to() -> None:
    sounds = ended(torch.ones(2, 5), torch.tensor([2, 5]))
    assert sounds.tolist() == [[1, 1, 0, 0, 0], [1, 1, 1, 1, 1]]


def test_white_noise_reads_its_level_at_every_scale() -> None:
    sound = _noise(1, 60_000)
    for window in PUBLISHED_SCALES:
        rms = float(multi_scale_stft(sound, torch.zeros_like(sound), windows=[window], squared=1.0))
        # the mean of a magnitude is √(π / 4) of its root mean square
        assert rms == pytest.approx(0.1 * (1 + math.sqrt(math.pi / 4)), rel=0.06)


def test_mel_pictures_equal_the_formula_on_another_transform() -> None:
    """Silence at both ends, so that mirroring and silence are the same."""
    found, wanted = (torch.nn.functional.pad(_noise(2, 4000, seed), (1500, 1500)) for seed in (1, 2))
    total = 0.0
    for window, bands in zip(PUBLISHED_SCALES, PUBLISHED_BANDS, strict=True):
        bank = torch.from_numpy(librosa.filters.mel(sr=44_100, n_fft=window, n_mels=bands))
        levels = [
            (bank @ torch.stft(x, window, window // 4, window, torch.hann_window(window), return_complex=True).abs())
            .clamp(min=1e-5)
            .log10()
            for x in (found, wanted)
        ]
        total += float((levels[0] - levels[1]).abs().mean())
    assert float(multi_scale_mel(found, wanted, sample_rate=44_100)) == pytest.approx(total, rel=1e-4)


def test_mel_pictures_of_equal_sounds_are_at_rest_and_ten_times_as_loud_is_one_a_scale() -> None:
    sound = _noise(2, 3000)
    scales = {"windows": (64, 256), "bands": (5, 20)}
    assert float(multi_scale_mel(sound, sound, sample_rate=8000, **scales)) == 0
    assert float(multi_scale_mel(10 * sound, sound, sample_rate=8000, **scales)) == pytest.approx(2, rel=1e-4)


@pytest.mark.parametrize("silent", ["found", "wanted", "both"])
def test_mel_pictures_have_a_finite_slope_at_silence(silent: str) -> None:
    found = torch.zeros(1, 3000) if silent != "wanted" else _noise(1, 3000)
    wanted = torch.zeros(1, 3000) if silent != "found" else _noise(1, 3000, 2)
    loss = multi_scale_mel(found.requires_grad_(), wanted, sample_rate=16_000)
    loss.backward()
    assert found.grad is not None and torch.isfinite(found.grad).all() and torch.isfinite(loss)
