"""Opus comes back as long as it went in, and its bits are counted without the container."""

import math

import pytest
import torch

from smalti.core import Audio, ParameterError
from smalti.evaluate import log_mel_l1_db, opus_peer


def music(rate: int, seconds: float) -> Audio:
    time = torch.arange(round(rate * seconds)) / rate
    tones = sum((2 * math.pi * f * time).sin() / (i + 4) for i, f in enumerate((220, 331, 440, 550)))
    noise = torch.randn(len(time), generator=torch.Generator().manual_seed(1))
    return Audio.single(tones * (2 * time).cos() + 0.01 * noise, rate)


@pytest.mark.parametrize("rate", [8000, 22_050, 24_000, 44_100, 96_000])
def test_every_rate_comes_back_as_long_as_it_went_in(rate: int) -> None:
    peer = opus_peer()
    assert peer is not None
    audio = music(rate, 1.37)
    assert peer(audio).samples.shape == audio.samples[0].shape


def test_the_bits_are_about_those_asked_for_and_more_of_them_sound_better() -> None:
    audio = music(24_000, 4.0)
    distances: list[float] = []
    for asked in (6000, 24_000):
        peer = opus_peer(asked)
        assert peer is not None
        clip = peer(audio)
        assert 0.5 * asked < clip.bits / audio.seconds < 1.4 * asked
        distances.append(log_mel_l1_db(audio.samples[0], clip.samples, 24_000))
    assert distances[1] < 0.7 * distances[0]


def test_what_comes_back_is_in_time_with_what_went_in() -> None:
    peer = opus_peer(64_000)
    assert peer is not None
    audio = music(24_000, 2.0)
    wave, heard = audio.samples[0][4000:40_000], peer(audio).samples
    shifts = [float((wave * heard[4000 + s : 40_000 + s]).sum()) for s in range(-40, 41)]
    assert max(range(81), key=shifts.__getitem__) - 40 == pytest.approx(0, abs=1)


def test_a_rate_that_opus_cannot_reach_is_refused() -> None:
    with pytest.raises(ParameterError, match="choose a rate"):
        opus_peer(3000)
