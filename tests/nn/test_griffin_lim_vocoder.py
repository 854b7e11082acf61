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


def test_the_quick_one_waits_for_less_and_sounds_much_alike() -> None:
    vocoder = GriffinLimVocoder(_picture("start"), inversion_steps=10, iterations=4, window=48, overlap=8)
    frames = torch.rand(20, 120, generator=torch.Generator().manual_seed(0))
    found: list[torch.Tensor] = []
    first: list[int] = []
    for each in (vocoder, vocoder.quick()):
        stream = each.stream()
        pieces = [stream.push(frame) for frame in frames.split(1, dim=1)]
        first.append(next(i for i, piece in enumerate(pieces) if len(piece)))
        found.append(torch.cat([*pieces, stream.flush()]))
    assert first[1] < 16 < 48 < first[0] and found[0].shape == found[1].shape
    levels = [sound.unfold(0, 640, 640).std(1).log() for sound in found]
    torch.testing.assert_close(levels[0], levels[1], rtol=0, atol=0.5)
