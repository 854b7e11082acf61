"""Laws of the transform: silence beyond the ends, blocks equal the whole, the inverse inverts."""

import librosa
import numpy as np
import pytest
import torch

from smalti.core import ParameterError
from smalti.features import inverse_stft, stft


def _noise(batch: int, samples: int) -> torch.Tensor:
    return torch.randn(batch, samples, generator=torch.Generator().manual_seed(3)) * 0.1


@pytest.mark.parametrize(("n_fft", "hop", "samples"), [(64, 16, 301), (128, 32, 7), (1024, 256, 5000)])
def test_stft_equals_librosa(n_fft: int, hop: int, samples: int) -> None:
    noise = _noise(2, samples)
    wanted = librosa.stft(noise.numpy(), n_fft=n_fft, hop_length=hop, pad_mode="constant")
    assert np.allclose(stft(noise, n_fft=n_fft, hop=hop).numpy(), wanted, atol=1e-5)


def test_the_inverse_gives_the_waveform_back() -> None:
    noise = _noise(2, 16 * 21)
    spectrum = stft(noise, n_fft=64, hop=16)
    assert torch.allclose(inverse_stft(spectrum, hop=16), noise, atol=1e-6)


def test_an_uncentred_block_with_its_context_gives_the_frames_of_the_whole() -> None:
    noise = _noise(1, 640)
    whole = stft(noise, n_fft=64, hop=16)
    block = stft(noise[:, 16 * 5 - 32 : 16 * 11 + 32], n_fft=64, hop=16, centred=False)
    assert torch.allclose(block, whole[:, :, 5:12], atol=1e-6)


def test_a_block_without_a_frame_and_a_hop_that_does_not_fit_are_refused() -> None:
    with pytest.raises(ParameterError, match="63 samples hold no frame of 64"):
        stft(_noise(1, 63), n_fft=64, hop=16, centred=False)
    with pytest.raises(ParameterError, match="does not divide"):
        inverse_stft(torch.zeros(1, 33, 4, dtype=torch.complex64), hop=15)


def test_a_window_shorter_than_its_frame_stands_in_the_middle_as_librosa_has_it() -> None:
    noise = _noise(1, 500)
    wanted = librosa.stft(noise[0].numpy(), n_fft=64, win_length=41, hop_length=10, pad_mode="constant")
    assert np.allclose(stft(noise, n_fft=64, window=41, hop=10)[0].numpy(), wanted, atol=1e-5)
