"""A bridge between pictures: as long as it was, in tune and in time, in any blocks."""

import pytest
import torch

from smalti.features import MEL_PRESETS, MelSettings, Vocoder, hop_by_hop, log_mel
from smalti.nn.griffin_lim import GriffinLimVocoder
from smalti.transcode import MagnitudeBridge

_FROM = MelSettings(sample_rate=8000, n_fft=256, hop=64, bands=24, low_hz=0, high_hz=4000)


def _bridge() -> MagnitudeBridge:
    other = MelSettings(
        sample_rate=11025, n_fft=512, hop=64, bands=40, low_hz=50, high_hz=5000, aligned="middle", floor_db=-100
    )
    return MagnitudeBridge(_FROM, GriffinLimVocoder(other, iterations=6, window=60, overlap=6))


def _sound() -> torch.Tensor:
    time = torch.arange(9000) / 8000
    tone = 0.3 * torch.sin(2 * torch.pi * 700 * time) * (time > 0.3) * (time < 0.8)
    return tone[None]


def test_a_tone_keeps_its_pitch_time_and_level_across_rates() -> None:
    bridge, sound = _bridge(), _sound()
    assert isinstance(bridge, Vocoder)
    stream = bridge.stream()
    heard = torch.cat([stream.push(hop_by_hop(sound, _FROM)[0]), stream.flush()])[:9000]
    inside = heard[3200:5600]
    spectrum = torch.fft.rfft(inside * torch.hann_window(len(inside))).abs()
    assert abs(int(spectrum.argmax()) * 8000 / len(inside) - 700) < 40  # bands are 90 Hz wide there
    assert 0.7 < float(inside.square().mean().sqrt()) / (0.3 / 2**0.5) < 1.4
    assert heard[:2000].abs().max() < 0.03 and heard[6900:].abs().max() < 0.03
    assert (log_mel(heard[None], _FROM) - log_mel(sound, _FROM)).abs().mean() < 0.06


@pytest.mark.parametrize("frames", [0, 1, 3, 64, 141])
@pytest.mark.parametrize("block", [1, 10, 1000])
def test_frames_in_blocks_cross_as_the_whole_and_are_a_hop_each(frames: int, block: int) -> None:
    picture = torch.rand(24, frames, generator=torch.Generator().manual_seed(frames))
    whole, parts = _bridge().stream(), _bridge().stream()
    heard = torch.cat([*(parts.push(part) for part in picture.split(block, dim=1)), parts.flush()])
    assert len(heard) == 64 * frames and heard.isfinite().all()
    torch.testing.assert_close(heard, torch.cat([whole.push(picture), whole.flush()]), rtol=0, atol=1e-6)


def test_published_pictures_are_bridged_both_ways() -> None:
    for one, other in (("specvqgan", "vocos24k"), ("hifigan22k", "specvqgan"), ("wide", "bigvgan22k")):
        bridge = MagnitudeBridge(MEL_PRESETS[one], GriffinLimVocoder(MEL_PRESETS[other], iterations=2))
        noise = 0.1 * torch.randn(1, 30_000, generator=torch.Generator().manual_seed(0))
        stream = bridge.stream()
        heard = torch.cat([stream.push(hop_by_hop(noise, bridge.picture)[0]), stream.flush()])[None, :30_000]
        drawn = [log_mel(sound, bridge.picture)[:, 10:60, 5:-5] for sound in (heard, noise)]
        assert abs(float((drawn[0] - drawn[1]).mean())) * bridge.picture.range_db < 3
