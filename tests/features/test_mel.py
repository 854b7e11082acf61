"""Mel pictures equal librosa's, which is the oracle, and their map to 0…1 is exact both ways."""

import dataclasses
import math
from pathlib import Path

import librosa
import numpy as np
import pytest
import soundfile
import torch

from smalti.core import ParameterError
from smalti.features import (
    MEL_PRESETS,
    MelSettings,
    from_log_mel,
    hop_by_hop,
    log_mel,
    mel,
    mel_filterbank,
    natural_log,
    preset_of,
    to_log_mel,
)

_SHARED = Path(__file__).parents[2].parent / "shared" / "data" / "esc10"


def _librosa_log_mel(samples: np.ndarray) -> np.ndarray:
    magnitude = np.abs(librosa.stft(samples, n_fft=1024, hop_length=256, pad_mode="constant"))
    bands = librosa.filters.mel(sr=22050, n_fft=1024, n_mels=80, fmin=125, fmax=7600) @ magnitude
    return np.clip((20 * np.log10(np.maximum(bands, 1e-5)) + 80) / 100, 0, 1)


@pytest.mark.parametrize("scale", ["slaney", "htk"])
@pytest.mark.parametrize("norm", ["slaney", None])
def test_the_filterbank_equals_librosa(scale: str, norm: str | None) -> None:
    settings = MelSettings(
        sample_rate=16000, n_fft=512, hop=128, bands=41, low_hz=30, high_hz=7000, scale=scale, norm=norm
    )
    wanted = librosa.filters.mel(
        sr=16000, n_fft=512, n_mels=41, fmin=30, fmax=7000, htk=scale == "htk", norm=norm, dtype=np.float64
    )
    assert np.allclose(mel_filterbank(settings).numpy(), wanted, atol=1e-6)


def test_the_published_picture_equals_librosa() -> None:
    time = torch.arange(30011) / 22050
    sweep = 0.5 * torch.sin(2 * torch.pi * (200 + 2000 * time) * time) * torch.exp(-time)
    picture = log_mel(sweep[None], MEL_PRESETS["specvqgan"])[0]
    assert picture.shape == (80, 118)
    assert np.abs(picture.numpy() - _librosa_log_mel(sweep.numpy())).max() < 1e-4


@pytest.mark.shared
def test_the_published_picture_of_recordings_equals_librosa() -> None:
    if not _SHARED.exists():
        pytest.skip("the shared recordings are not here")
    for path in sorted(_SHARED.glob("*/*.ogg"))[::9]:
        samples = soundfile.read(path, dtype="float32", frames=66150)[0]
        picture = log_mel(torch.from_numpy(samples)[None], MEL_PRESETS["specvqgan"])[0]
        assert np.abs(picture.numpy() - _librosa_log_mel(samples)).max() < 1e-4


def test_a_full_scale_sine_reads_one_in_its_band() -> None:
    settings = MEL_PRESETS["wide"]
    hz = 40 * 22050 / 1024
    sine = torch.sin(2 * torch.pi * hz * torch.arange(22050) / 22050)
    band = mel_filterbank(settings)[:, 40].argmax()
    flat = mel_filterbank(dataclasses.replace(settings, norm=None))
    share = flat[band, 39:42] @ torch.tensor([0.5, 1.0, 0.5]) / flat[band].sum()
    assert mel(sine[None], settings)[0, band, 40] == pytest.approx(float(share), rel=1e-3)


def test_log_mel_and_its_inverse_agree_between_floor_and_ceiling() -> None:
    settings = MEL_PRESETS["specvqgan"]
    picture = torch.linspace(0.01, 1, 2 * 3 * 5).reshape(2, 3, 5)
    assert torch.allclose(to_log_mel(from_log_mel(picture, settings), settings), picture, atol=1e-6)


def test_silence_is_the_floor_and_the_floor_is_silence() -> None:
    settings = MEL_PRESETS["wide"]
    picture = log_mel(torch.zeros(1, 900), settings)
    assert not picture.any()
    assert not from_log_mel(picture, settings).any()


def test_hardly_above_the_floor_is_hardly_more_than_silence() -> None:
    settings = MEL_PRESETS["wide"]
    levels = torch.tensor([0.0, 0.1, 0.5, 1.0, 1.5]) / settings.range_db  # decibels above the floor
    found = 20 * from_log_mel(levels[None, None], settings)[0, 0].log10() - settings.floor_db
    assert found.tolist() == pytest.approx([-math.inf, -19.9, -5.52, 1.0, 1.5], abs=0.01)


def test_bands_that_cannot_be_are_refused() -> None:
    settings = MEL_PRESETS["wide"]
    with pytest.raises(ParameterError, match="do not lie in"):
        mel_filterbank(dataclasses.replace(settings, high_hz=12000))
    with pytest.raises(ParameterError, match="fewer bands"):
        mel_filterbank(dataclasses.replace(settings, bands=600))


def _tone(rate: int) -> torch.Tensor:
    time = torch.arange(12_345) / rate
    return 0.4 * torch.sin(2 * torch.pi * (300 + 4000 * time) * time)[None] + 1e-3


@pytest.mark.parametrize(
    ("preset", "rate", "n_fft", "bands", "top"),
    [("hifigan22k", 22_050, 1024, 80, 8000), ("bigvgan44k", 44_100, 2048, 128, None)],
)
def test_hifigans_and_bigvgans_pictures_equal_the_uncentred_reflected_ones_away_from_the_ends(
    preset: str, rate: int, n_fft: int, bands: int, top: int | None
) -> None:
    """Frame t is centred on the middle of hop t; at the ends there is silence here, a mirror there."""
    samples, picture, hop = _tone(rate), MEL_PRESETS[preset], n_fft // 4
    padded = np.pad(samples[0].numpy(), (n_fft - hop) // 2, mode="reflect")
    magnitude = np.abs(librosa.stft(padded, n_fft=n_fft, hop_length=hop, center=False))
    wanted = librosa.filters.mel(sr=rate, n_fft=n_fft, n_mels=bands, fmin=0, fmax=top) @ magnitude
    found = natural_log(log_mel(samples, picture), picture)[0].numpy()
    assert found.shape == (bands, 12_345 // hop) == (bands, wanted.shape[1])
    assert np.abs(found - np.log(np.maximum(wanted, 1e-5)))[:, 2:-2].max() < 1e-2


def test_hifigans_and_the_first_bigvgans_picture_are_one() -> None:
    picture = MEL_PRESETS["hifigan22k"]
    assert MEL_PRESETS["bigvgan22k"] == picture and preset_of(picture) == "hifigan22k"


def test_vocoss_picture_equals_the_published_one_away_from_the_ends() -> None:
    samples, picture = _tone(24_000), MEL_PRESETS["vocos24k"]
    magnitude = np.abs(librosa.stft(samples[0].numpy(), n_fft=1024, hop_length=256, pad_mode="reflect"))
    filters = librosa.filters.mel(sr=24_000, n_fft=1024, n_mels=100, fmin=0, fmax=12_000, htk=True, norm=None)
    found = natural_log(log_mel(samples, picture), picture)[0].numpy()
    assert found.shape == (100, 1 + 12_345 // 256)
    assert MEL_PRESETS["vocos24k"].floor_db == pytest.approx(20 * np.log10(1e-7))
    heard = np.maximum(filters @ magnitude, 1e-3)  # below lies what is lost in rounding
    assert np.abs(np.maximum(found, np.log(1e-3)) - np.log(heard))[:, 2:-2].max() < 1e-2


@pytest.mark.parametrize("preset", MEL_PRESETS)
@pytest.mark.parametrize("samples", [0, 1, 256, 257, 5000])
def test_a_vocoder_is_given_a_frame_for_every_hop_begun(preset: str, samples: int) -> None:
    picture = MEL_PRESETS[preset]
    assert hop_by_hop(torch.zeros(1, samples), picture).shape == (1, picture.bands, -(-samples // picture.hop))


def test_the_text_of_a_picture_in_fingerprints_is_as_it_always_was() -> None:
    text = str(MEL_PRESETS["specvqgan"])
    assert text.startswith("MelSettings(sample_rate=22050, n_fft=1024") and text.endswith("ceiling_db=20.0)")
    assert str(MEL_PRESETS["hifigan22k"]).endswith("aligned='middle')")
