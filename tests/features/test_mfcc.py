"""MFCC: the numbers of a reference, one frame for each 10 ms, the same in any batch."""

import librosa
import numpy as np
import pytest
import torch

from smalti.core import Audio, Encoder, SpecError
from smalti.features import MfccEncoder, mfcc, normalised, trimmed
from smalti.quantize import KMeansTokenizer


def noise(length: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(length, generator=torch.Generator().manual_seed(seed)) * 0.1


def test_the_coefficients_are_those_of_librosa():
    wave = noise(8000)
    sharp = np.append(wave[0], wave[1:] - 0.97 * wave[:-1]).astype(np.float32)
    padded = np.pad(sharp, (60, 60))  # 25 ms on the middle of 10 ms
    power = librosa.feature.melspectrogram(
        y=padded, sr=8000, n_fft=200, hop_length=80, n_mels=40, center=False, fmin=0.0, fmax=4000.0
    )
    wanted = librosa.feature.mfcc(S=np.log(np.maximum(power, 1e-10)), n_mfcc=13)
    assert np.abs(mfcc(wave, 8000)[:, :13].T.numpy() - wanted).max() < 1e-3


def test_slopes_are_those_of_a_line():
    wave = noise(4000)
    found = mfcc(wave, 8000)
    middle = found[:, :13]
    slope = (middle[12] - middle[8]) * 2 / 10 + (middle[11] - middle[9]) / 10
    assert torch.allclose(found[10, 13:26], slope, atol=1e-4)


def test_an_item_alone_in_a_batch_and_in_chunks_is_the_same(monkeypatch):
    encoder = MfccEncoder(8000)
    assert isinstance(encoder, Encoder) and (encoder.hop, encoder.dim) == (80, 39)
    waves = [noise(n, n) for n in (801, 2400, 79)]
    together = encoder.embed(Audio.batch([Audio.single(wave, 8000) for wave in waves]))
    assert together.lengths.tolist() == [11, 30, 1]
    monkeypatch.setattr("smalti.features.cepstrum._CHUNK", 7)
    for row, wave in enumerate(waves):
        alone = encoder.embed(Audio.single(wave, 8000)).frames[0]
        assert torch.allclose(together.frames[row, : len(alone)], alone, atol=1e-4)


def test_what_is_normalised_has_mean_zero_and_deviation_one_or_is_constant():
    found = normalised(mfcc(noise(4000), 8000))
    assert torch.allclose(found.mean(0), torch.zeros(39), atol=1e-5)
    assert torch.allclose(found.pow(2).mean(0), torch.ones(39), atol=1e-4)
    assert torch.isfinite(normalised(torch.ones(5, 39))).all() and normalised(torch.zeros(0, 39)).shape == (0, 39)


def test_quiet_ends_are_cut_and_silence_is_left():
    wave = torch.cat([1e-4 * noise(1600), noise(800, 1), 1e-4 * noise(2400, 2)])
    assert torch.equal(trimmed(wave, 8000), wave[1600:2400])
    assert len(trimmed(torch.zeros(500), 8000)) == 500 and len(trimmed(torch.zeros(0), 8000)) == 0


def test_another_rate_is_refused_and_k_means_makes_it_a_tokenizer():
    encoder = MfccEncoder(8000)
    with pytest.raises(SpecError, match="16000 Hz, this encoder at 8000 Hz"):
        encoder.embed(Audio.single(noise(100), 16000))
    centres = normalised(mfcc(noise(4000), 8000))[:9]
    tokens = KMeansTokenizer(encoder, centres, fingerprint="mfcc").encode(Audio.single(noise(4000), 8000))
    assert tokens.codes.shape == (1, 1, 50) and tokens.codes[0, 0, :9].tolist() == list(range(9))
