"""Spectra by fixed kernels are those of the fast transform."""

import torch

from smalti.features import MelSettings, mel
from smalti.features.matrix_stft import MatrixInverse, MatrixMel


def test_mel_by_kernels_is_mel():
    picture = MelSettings(sample_rate=8000, n_fft=96, hop=20, bands=7, low_hz=0.0, high_hz=4000.0, unit="sine")
    samples = torch.randn(2, 96 + 3 * 20 + 5, generator=torch.Generator().manual_seed(0))
    wanted = mel(samples, picture, centred=False)
    torch.testing.assert_close(MatrixMel(picture)(samples), wanted, rtol=1e-5, atol=1e-6)


def test_frames_by_kernels_are_those_of_the_inverse_transform():
    generator = torch.Generator().manual_seed(1)
    real, imaginary = (torch.randn(2, 3, 21, generator=generator) for _ in range(2))
    wanted = torch.fft.irfft(torch.complex(real, imaginary), n=40)
    torch.testing.assert_close(MatrixInverse(40)(real, imaginary), wanted, rtol=1e-5, atol=1e-6)
