"""Laws of the way back: the inversion is faithful, iterations help, rows do not know of each other."""

import torch

from smalti.features import (
    MEL_PRESETS,
    griffin_lim,
    log_mel,
    mel,
    mel_filterbank,
    mel_to_magnitude,
    stft_magnitude,
    to_log_mel,
)
from smalti.features.griffin_lim import start_phase

_SETTINGS = MEL_PRESETS["wide"]


def _sounds() -> torch.Tensor:
    """A swept tone and a train of noise bursts, 1.4 s."""
    generator = torch.Generator().manual_seed(5)
    time = torch.arange(256 * 120) / 22050
    sweep = 0.3 * torch.sin(2 * torch.pi * (300 + 500 * time) * time)
    bursts = 0.2 * torch.randn(len(time), generator=generator) * (torch.sin(40 * time) > 0.3)
    return torch.stack([sweep, bursts])


def test_the_mel_of_the_inverted_mel_is_the_mel() -> None:
    wanted = mel(_sounds(), _SETTINGS)
    found = mel_filterbank(_SETTINGS) @ mel_to_magnitude(wanted, _SETTINGS)
    error = (to_log_mel(found, _SETTINGS) - to_log_mel(wanted, _SETTINGS)).abs().mean() * _SETTINGS.range_db
    assert error < 0.01


def test_silence_stays_silence() -> None:
    assert not mel_to_magnitude(torch.zeros(1, 80, 3), _SETTINGS).any()
    assert not griffin_lim(torch.zeros(1, 513, 6), hop=256, iterations=3).any()


def test_more_iterations_come_nearer() -> None:
    sounds = _sounds()
    magnitude = stft_magnitude(sounds, n_fft=1024, hop=256)
    target = log_mel(sounds, _SETTINGS)

    def error(iterations: int) -> float:
        waveform = griffin_lim(magnitude, hop=256, iterations=iterations)
        return float((log_mel(waveform, _SETTINGS) - target).abs().mean() * _SETTINGS.range_db)

    assert error(32) < error(8) < error(0)
    assert error(32) < 1.0


def test_a_steady_sine_starts_with_its_own_phase_advance() -> None:
    hz = 50.3 * 22050 / 1024
    sine = torch.sin(2 * torch.pi * hz * torch.arange(256 * 20) / 22050)
    phase = start_phase(stft_magnitude(sine[None], n_fft=1024, hop=256), hop=256)[0, 50]
    advance = torch.angle(phase[6:14] / phase[5:13]) / (2 * torch.pi)
    assert torch.allclose(advance % 1, torch.tensor(50.3 * 256 / 1024 % 1), atol=0.02)


def test_a_row_alone_equals_the_row_in_a_batch_bit_for_bit() -> None:
    magnitude = stft_magnitude(_sounds(), n_fft=1024, hop=256)
    together = griffin_lim(magnitude, hop=256, iterations=4)
    assert torch.equal(together[1:], griffin_lim(magnitude[1:], hop=256, iterations=4))
    assert together.shape == (2, 256 * 120)
