"""MATPAC's picture: librosa's numbers, whole windows only, silence that is a number."""

import librosa
import numpy as np
import pytest
import torch

from smalti.features import MATPAC_PICTURE, SILENCE, mel_filterbank, power_log_mel, power_mel_frames


def _noise(samples: int) -> torch.Tensor:
    return 0.1 * torch.randn(1, samples, generator=torch.Generator().manual_seed(0))


def test_ten_seconds_are_998_frames():
    assert power_log_mel(_noise(160000)).shape == (1, 80, 998)
    assert power_mel_frames(160000) == 998
    assert power_mel_frames(97520) == 608


@pytest.mark.parametrize(("samples", "frames"), [(0, 1), (1, 1), (399, 1), (400, 1), (559, 1), (560, 2), (721, 3)])
def test_only_whole_windows_are_counted_and_one_is_always_there(samples: int, frames: int):
    assert power_log_mel(_noise(samples)).shape[2] == frames == power_mel_frames(samples)


def test_the_filterbank_equals_librosa_and_has_no_empty_band():
    theirs = librosa.filters.mel(sr=16000, n_fft=400, n_mels=80, fmin=50, fmax=8000, htk=False, norm="slaney")
    ours = mel_filterbank(MATPAC_PICTURE).numpy()
    assert np.abs(ours - theirs).max() < 1e-6
    assert (ours.sum(1) > 0).all()


def test_the_picture_equals_librosa():
    noise = _noise(4321)
    power = np.abs(librosa.stft(noise[0].numpy(), n_fft=400, hop_length=160, center=False)) ** 2
    bands = librosa.filters.mel(sr=16000, n_fft=400, n_mels=80, fmin=50, fmax=8000, htk=False, norm="slaney")
    theirs = np.log(bands @ power + np.finfo(np.float32).eps)
    assert np.abs(power_log_mel(noise)[0].numpy() - theirs).max() < 2e-4


def test_silence_reads_the_silence_value():
    assert pytest.approx(-15.942, abs=1e-3) == SILENCE
    assert (power_log_mel(torch.zeros(2, 900)) == SILENCE).all()


def test_what_is_shorter_than_a_window_is_followed_by_silence():
    short = _noise(123)
    whole = torch.nn.functional.pad(short, (0, 277))
    assert torch.equal(power_log_mel(short), power_log_mel(whole))
