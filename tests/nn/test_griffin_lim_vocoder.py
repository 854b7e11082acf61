"""Griffin-Lim as a vocoder: right in time for both alignments, blocks equal the whole."""

import pytest
import torch

from smalti.features import MelSettings, Vocoder, hop_by_hop, log_mel
from smalti.nn.griffin_lim import GriffinLimVocoder


def _picture(aligned: str) -> MelSettings:
    return MelSettings(sample_rate=8000, n_fft=256, hop=64, bands=20, low_hz=0, high_hz=4000, aligned=aligned)


@pytest.mark.parametrize("aligned", ["start", "middle"])
def test_a_click_comes_back_where_it_was(aligned: str) -> None:
    picture = _picture(aligned)
    vocoder = GriffinLimVocoder(picture, iterations=8, window=40, overlap=6)
    assert isinstance(vocoder, Vocoder)
    for place in (1500, 2537, 3999):
        samples = torch.zeros(6000)
        samples[place] = 1.0
        padded = torch.nn.functional.pad(samples, (0, 16))[None]
        stream = vocoder.stream()
        heard = torch.cat([stream.push(hop_by_hop(samples[None], picture)[0]), stream.flush()])
        assert len(heard) == -(-6000 // 64) * 64
        assert abs(int(heard.square().argmax()) - place) < 24
        assert (log_mel(heard[None], picture) - log_mel(padded, picture)).abs().mean() < 0.02


@pytest.mark.parametrize("block", [1, 7, 1000])
@pytest.mark.parametrize("aligned", ["start", "middle"])
def test_frames_in_blocks_sound_as_the_whole(aligned: str, block: int) -> None:
    picture = _picture(aligned)
    frames = torch.rand(20, 61, generator=torch.Generator().manual_seed(0))
    vocoder = GriffinLimVocoder(picture, iterations=2, window=12, overlap=3)
    whole, parts = vocoder.stream(), vocoder.stream()
    heard = torch.cat([*(parts.push(part) for part in frames.split(block, dim=1)), parts.flush()])
    assert len(heard) == 61 * 64
    assert torch.equal(heard, torch.cat([whole.push(frames), whole.flush()]))
