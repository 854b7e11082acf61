"""Changing the rate keeps duration, tones and levels."""

import numpy as np
import pytest
import torch

from smalti.audio import Resampler, resample
from smalti.core import Audio, ParameterError


def tone(rate: int, frames: int, hertz: float = 440.0) -> torch.Tensor:
    return torch.sin(2 * torch.pi * hertz * torch.arange(frames, dtype=torch.float64) / rate).float()


@pytest.mark.parametrize(("before", "after"), [(44100, 24000), (8000, 44100), (48000, 16000), (22050, 44100)])
def test_a_tone_stays_the_tone_and_starts_on_time(before: int, after: int) -> None:
    got = resample(Audio.single(tone(before, before), before), after).samples[0]
    middle = slice(after // 4, 3 * after // 4)
    assert (got[middle] - tone(after, after)[middle]).abs().max() < 1e-4


@pytest.mark.parametrize(("before", "after"), [(44100, 24000), (8000, 44100), (44100, 44099), (767999, 1000)])
def test_length_is_rounded_half_up(before: int, after: int) -> None:
    for frames in (1, 777, before + 13):
        got = resample(Audio.single(torch.ones(frames), before), after)
        assert got.lengths.tolist() == [int(frames * after / before + 0.5)]


def test_an_item_in_a_batch_is_resampled_as_alone() -> None:
    items = [Audio.single(tone(8000, frames, hertz), 8000) for frames, hertz in ((900, 300), (2100, 700))]
    together = resample(Audio.batch(items), 11025).items()
    for item, row in zip(items, together, strict=True):
        assert torch.equal(row.samples, resample(item, 11025).samples)


def test_pushed_blocks_equal_one_resampling() -> None:
    samples = np.random.default_rng(0).standard_normal(9000).astype(np.float32)
    stream = Resampler(16000, 22050)
    parts = [stream.push(samples[at : at + 701]) for at in range(0, 9000, 701)]
    parts.append(stream.push(np.zeros(0, np.float32), last=True))
    whole = resample(Audio.single(torch.from_numpy(samples), 16000), 22050).samples[0].numpy()
    assert np.array_equal(np.concatenate(parts), whole)


@pytest.mark.parametrize("rate", [0, 999, 768001])
def test_impossible_rates_are_refused(rate: int) -> None:
    with pytest.raises(ParameterError, match="between 1000 and 768000 Hz"):
        resample(Audio.single(torch.zeros(10), 8000), rate)
