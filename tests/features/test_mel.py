"""Mel pictures equal librosa's, which is the oracle, and their map to 0…1 is exact both ways."""

import dataclasses
from pathlib import Path

import librosa
import numpy as np
import pytest
import soundfile
import torch

from smalti.core import ParameterError
from smalti.features import MEL_PRESETS, MelSettings, from_log_mel, log_mel, mel, mel_filterbank, to_log_mel

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


def test_bands_that_cannot_be_are_refused() -> None:
    settings = MEL_PRESETS["wide"]
    with pytest.raises(ParameterError, match="do not lie in"):
        mel_filterbank(dataclasses.replace(settings, high_hz=12000))
    with pytest.raises(ParameterError, match="fewer bands"):
        mel_filterbank(dataclasses.replace(settings, bands=600))
