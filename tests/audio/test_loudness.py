"""Loudness: the standard's own numbers at 48 kHz, its facts about sines, and the laws of its gates, at any rate."""

import math

import numpy as np
import pytest
import torch
from scipy.signal import lfilter

from smalti.audio import at_loudness, loudness
from smalti.audio.loudness import k_weighting

RATES = (8_000, 11_025, 16_000, 22_050, 44_100, 48_000, 96_000)


def sine(seconds: float, sample_rate: int, *, hertz: float = 997.0, level: float = 0.0) -> torch.Tensor:
    """A sine of this level in dB below full scale."""
    time = torch.arange(round(seconds * sample_rate), dtype=torch.float64) / sample_rate
    return (10 ** (level / 20) * (2 * math.pi * hertz * time).sin()).float()


def noise(seconds: float, sample_rate: int, *, channels: int = 1, seed: int = 3) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return 0.1 * torch.randn(channels, round(seconds * sample_rate), generator=generator)


def test_the_filters_at_48_khz_are_those_of_the_table() -> None:
    shelf, high_pass = k_weighting(48_000)
    assert shelf.b == pytest.approx((1.53512485958697, -2.69169618940638, 1.19839281085285), abs=1e-10)
    assert shelf.a == pytest.approx((-1.69065929318241, 0.73248077421585), abs=1e-10)
    assert high_pass.b == (1.0, -2.0, 1.0)
    assert high_pass.a == pytest.approx((-1.99004745483398, 0.99007225036621), abs=1e-10)


@pytest.mark.parametrize("sample_rate", RATES)
def test_a_full_scale_sine_of_997_hz_has_3_01_below_zero(sample_rate: int) -> None:
    near = 0.005 if sample_rate in (44_100, 48_000) else 0.05  # other rates bend the shelf
    assert loudness(sine(3, sample_rate)[None], sample_rate) == pytest.approx(-3.01, abs=near)


@pytest.mark.parametrize("sample_rate", [44_100, 48_000])
@pytest.mark.parametrize("level", [-23.0, -33.0, -3.0])
def test_two_channels_of_one_sine_are_as_loud_as_its_level(sample_rate: int, level: float) -> None:
    """The first cases of EBU Tech 3341."""
    one = sine(20, sample_rate, hertz=1000, level=level)
    assert loudness(torch.stack([one, one]), sample_rate) == pytest.approx(level, abs=0.1)


def test_filtering_by_spectra_equals_the_recursion() -> None:
    sound = noise(1.0, 16_000)
    expected = sound.double().numpy()
    for one in k_weighting(16_000):
        expected = lfilter(one.b, (1.0, *one.a), expected)
    blocks = [np.mean(expected[:, at : at + 6400] ** 2) for at in range(0, 16_000 - 6400 + 1, 1600)]
    assert loudness(sound, 16_000) == pytest.approx(-0.691 + 10 * math.log10(np.mean(blocks)), abs=1e-6)


def test_a_long_sound_is_measured_in_pieces_as_in_one() -> None:
    sound = noise(47.0, 8_000) * torch.linspace(0.5, 1.0, 376_000)
    expected = sound.double().numpy()
    for one in k_weighting(8_000):
        expected = lfilter(one.b, (1.0, *one.a), expected)
    blocks = [np.mean(expected[:, at : at + 3200] ** 2) for at in range(0, 376_000 - 3200 + 1, 800)]
    assert loudness(sound, 8_000) == pytest.approx(-0.691 + 10 * math.log10(np.mean(blocks)), abs=1e-6)


def test_twice_the_amplitude_is_six_decibels_more() -> None:
    sound = noise(1.3, 22_050)
    assert loudness(2 * sound, 22_050) - loudness(sound, 22_050) == pytest.approx(20 * math.log10(2), abs=1e-4)


def test_pauses_do_not_make_a_sound_softer() -> None:
    one = sine(5, 48_000, level=-20)
    pause = torch.zeros(5 * 48_000)
    assert loudness(torch.cat([pause, one, pause])[None], 48_000) == pytest.approx(loudness(one[None], 48_000), abs=0.3)


def test_what_is_ten_decibels_below_the_rest_is_gated() -> None:
    """The third case of EBU Tech 3341: 10 s at -36, a minute at -23, 10 s at -36."""
    quiet, loud = (sine(seconds, 48_000, hertz=1000, level=level) for seconds, level in ((10, -36), (60, -23)))
    both = torch.cat([quiet, loud, quiet]).repeat(2, 1)
    assert loudness(both, 48_000) == pytest.approx(-23.0, abs=0.1)


def test_what_is_less_far_below_counts() -> None:
    loud, quiet = sine(10, 48_000, level=-20), sine(10, 48_000, level=-26)
    mean = 10 * math.log10((10**-2.0 + 10**-2.6) / 2)
    assert loudness(torch.cat([loud, quiet])[None], 48_000) == pytest.approx(mean - 3.01, abs=0.1)


def test_silence_and_nothing_have_the_level_of_the_gate() -> None:
    assert loudness(torch.zeros(1, 9000), 44_100) == -70.0
    assert loudness(torch.zeros(2, 0), 44_100) == -70.0
    assert loudness(1e-5 * noise(1.0, 44_100), 44_100) == -70.0


@pytest.mark.parametrize("samples", [1, 441, 13_000, 22_050, 50_001])
def test_a_sound_of_any_length_can_be_brought_to_a_level(samples: int) -> None:
    sound = noise(2.0, 44_100, channels=2)[:, :samples]
    assert loudness(at_loudness(sound, 44_100, -16.0), 44_100) == pytest.approx(-16.0, abs=0.01)
