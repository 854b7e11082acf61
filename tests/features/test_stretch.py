"""Tempo and pitch: each moves alone."""

import pytest
import torch

from smalti.core import Audio, ParameterError
from smalti.features import shift_pitch, stretch

RATE = 16000


def _sine(hz: float, samples: int = 9001) -> Audio:
    time = torch.arange(samples, dtype=torch.float64) / RATE
    return Audio.single((0.5 * torch.sin(2 * torch.pi * hz * time)).float(), RATE)


def _frequency(audio: Audio) -> float:
    """Hz of the strongest partial in the middle, within 0.02 Hz."""
    middle = audio.samples[0, 2000 : int(audio.lengths[0]) - 2000].double()
    spectrum = torch.fft.rfft(middle * torch.hann_window(len(middle), dtype=torch.float64), n=RATE * 50).abs()
    return int(spectrum.argmax()) / 50


@pytest.mark.parametrize("rate", [0.8, 0.97, 1.25])
def test_a_stretched_sine_has_its_frequency_and_level_and_another_length(rate: float):
    out = stretch(_sine(443.0), [rate])
    assert int(out.lengths[0]) == round(9001 / rate) == out.samples.shape[1]
    assert _frequency(out) == pytest.approx(443.0, abs=0.3)
    assert out.samples[0, 2000:-2000].abs().max().item() == pytest.approx(0.5, rel=0.03)


def test_a_click_comes_at_its_time_in_the_new_tempo():
    samples = torch.zeros(1, 16000)
    samples[0, 8000:8200] = torch.hann_window(200) * torch.randn(200, generator=torch.Generator().manual_seed(0))
    out = stretch(Audio(samples, RATE, torch.tensor([16000])), [1.25])
    energy = out.samples[0].square()
    centre = (energy * torch.arange(len(energy))).sum() / energy.sum()
    assert centre.item() == pytest.approx(8100 / 1.25, abs=200)


def test_a_stretch_by_one_changes_nothing():
    noise = torch.randn(2, 5003, generator=torch.Generator().manual_seed(1))
    audio = Audio(noise, RATE, torch.tensor([5003, 3001])).zero_padded()
    torch.testing.assert_close(stretch(audio, [1.0, 1.0]).samples, audio.samples, atol=2e-5, rtol=0)


@pytest.mark.parametrize("semitones", [-5, 1.5, 6])
def test_a_shifted_sine_has_its_length_and_level_and_another_frequency(semitones: float):
    out = shift_pitch(_sine(443.0), [semitones])
    assert int(out.lengths[0]) == 9001
    assert _frequency(out) == pytest.approx(443.0 * 2 ** (semitones / 12), rel=1e-3)
    assert out.samples[0, 2000:-2000].abs().max().item() == pytest.approx(0.5, rel=0.03)


def test_an_item_alone_and_in_a_batch_sounds_the_same():
    noise = torch.randn(3, 6007, generator=torch.Generator().manual_seed(2))
    audio = Audio(noise, RATE, torch.tensor([4501, 6007, 0]))
    for change, values in ((stretch, [1.2, 0.83, 1.0]), (shift_pitch, [-4.0, 3.0, 1.0])):
        together = change(audio, values).items()
        for item, value, row in zip(audio.items(), values, together, strict=True):
            torch.testing.assert_close(change(item, [value]).samples, row.samples, atol=1e-5, rtol=0)


def test_what_cannot_be_is_refused():
    with pytest.raises(ParameterError, match=r"rate is 0; choose one in 0\.1…10"):
        stretch(_sine(100), [0])
    with pytest.raises(ParameterError, match="found 2 values of shift in semitones for 1 items"):
        shift_pitch(_sine(100), [1, 2])
