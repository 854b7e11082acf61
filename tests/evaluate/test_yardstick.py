"""The yardstick's fixed points, its symmetry, and its definition written out a second time."""

import librosa
import numpy as np
import pytest
import torch

from smalti.core import ParameterError
from smalti.evaluate import yardstick
from smalti.evaluate.yardstick import log_mel_l1_db


def _noise(samples: int, seed: int) -> torch.Tensor:
    return 0.1 * torch.randn(samples, generator=torch.Generator().manual_seed(seed))


def _by_librosa(reference: np.ndarray, estimate: np.ndarray, sample_rate: int) -> float:
    distances = []
    for window in (512, 2048):
        bank = librosa.filters.mel(sr=sample_rate, n_fft=window, n_mels=80, norm=None, dtype=np.float64)
        bank /= bank.sum(axis=1, keepdims=True)
        levels = []
        for signal in (reference, estimate):
            magnitude = np.abs(librosa.stft(signal, n_fft=window, hop_length=window // 4, pad_mode="constant"))
            levels.append(20 * np.log10(np.maximum(bank @ magnitude * 4 / window, 1e-4)))
        distances.append(np.abs(levels[0] - levels[1]).mean())
    return float(np.mean(distances))


def test_equal_sounds_are_at_zero() -> None:
    assert log_mel_l1_db(_noise(3001, 0), _noise(3001, 0), 16000) == 0


def test_the_distance_is_symmetric() -> None:
    one, other = _noise(5000, 0), _noise(5000, 1)
    assert log_mel_l1_db(one, other, 22050) == log_mel_l1_db(other, one, 22050)


def test_half_the_level_is_six_decibels() -> None:
    noise = _noise(20000, 2)
    assert log_mel_l1_db(noise, noise / 2, 22050) == pytest.approx(6.02, abs=0.05)


def test_silence_against_a_full_scale_sine_is_counted_from_the_floor() -> None:
    sine = torch.sin(2 * torch.pi * 1000 * torch.arange(22050) / 22050)
    distance = log_mel_l1_db(sine, torch.zeros(22050), 22050)
    assert 5 < distance < 80


@pytest.mark.parametrize(("sample_rate", "samples"), [(22050, 9001), (8000, 1), (44100, 40000)])
def test_it_equals_the_definition_computed_with_librosa(sample_rate: int, samples: int) -> None:
    one, other = _noise(samples, 4), 0.3 * _noise(samples, 5)
    wanted = _by_librosa(one.numpy(), other.numpy(), sample_rate)
    assert log_mel_l1_db(one, other, sample_rate) == pytest.approx(wanted, abs=1e-3)


def test_blocks_do_not_change_it(monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = _noise(30000, 6), _noise(30000, 7)
    whole = log_mel_l1_db(one, other, 22050)
    monkeypatch.setattr(yardstick, "_BLOCK", 4096)
    assert log_mel_l1_db(one, other, 22050) == pytest.approx(whole, rel=1e-6)


def test_unequal_lengths_and_nothing_are_refused() -> None:
    with pytest.raises(ParameterError, match="found 7 and 8 samples"):
        log_mel_l1_db(torch.zeros(7), torch.zeros(8), 8000)
    with pytest.raises(ParameterError, match="above zero"):
        log_mel_l1_db(torch.zeros(0), torch.zeros(0), 8000)
