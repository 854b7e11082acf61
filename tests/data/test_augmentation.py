"""What is changed at random: by how much, alone and together, and not at all when nothing is asked for."""

import pytest
import torch
from pydantic import ValidationError

from smalti.core import Audio
from smalti.data.augmentation import (
    FrameAugmentation,
    WaveformAugmentation,
    augment_frames,
    augment_waveforms,
)
from smalti.features import MelSettings, warped_bands

PICTURE = MelSettings(sample_rate=16000, n_fft=400, hop=160, bands=23, low_hz=60, high_hz=7600)
EVERYTHING = FrameAugmentation(warp=0.2, tempo=0.3, colour_db=3, noise=0.7, band_mask=0.3, frame_mask=0.2)


def _frames(lengths: list[int]) -> tuple[torch.Tensor, torch.Tensor]:
    frames = torch.randn(len(lengths), max(lengths), 23, generator=torch.Generator().manual_seed(0)) * 3 - 8
    return frames, torch.tensor(lengths)


def _changed(settings: FrameAugmentation, lengths: list[int], seeds: list[int]):
    frames, counts = _frames(lengths)
    return augment_frames(frames, counts, settings, picture=PICTURE, seeds=seeds)


def test_nothing_asked_for_changes_nothing():
    frames, lengths = _frames([17, 31])
    out, counts = augment_frames(frames, lengths, FrameAugmentation(), picture=PICTURE, seeds=[1, 2])
    torch.testing.assert_close(out[1], frames[1])
    torch.testing.assert_close(out[0, :17], frames[0, :17])
    assert counts.tolist() == [17, 31] and not out[0, 17:].any()


def test_an_item_changes_alone_as_in_any_batch_and_with_its_seed():
    together, lengths = _changed(EVERYTHING, [17, 31, 5], [4, 5, 6])
    frames, _ = _frames([17, 31, 5])
    for row, length in enumerate([17, 31, 5]):
        item = frames[row : row + 1, :length]
        alone, count = augment_frames(item, torch.tensor([length]), EVERYTHING, picture=PICTURE, seeds=[4 + row])
        assert count == lengths[row]
        torch.testing.assert_close(alone[0], together[row, : int(count)], atol=1e-5, rtol=1e-5)
    other, _ = _changed(EVERYTHING, [17, 31, 5], [7, 8, 9])
    assert not torch.equal(together[:, :4], other[:, :4])


def test_tempo_changes_lengths_within_its_range_and_keeps_both_ends():
    frames, lengths = _frames([40] * 50)
    out, counts = augment_frames(frames, lengths, FrameAugmentation(tempo=0.25), picture=PICTURE, seeds=range(50))
    assert 31 <= int(counts.min()) < 34 and 47 < int(counts.max()) <= 52
    torch.testing.assert_close(out[:, 0], frames[:, 0])


def test_a_warp_moves_a_formant_by_its_factor():
    places = warped_bands(PICTURE, torch.tensor([1.0, 1.2]))
    torch.testing.assert_close(places[0], torch.arange(23.0), atol=1e-4, rtol=0)
    # above 1 kHz a mel is a constant ratio, so a factor is a constant number of bands
    assert torch.allclose((torch.arange(23.0) - places[1])[14:22], (torch.arange(23.0) - places[1])[15], atol=0.01)
    assert (torch.arange(23.0) - places[1])[15] > 0.5


def test_masks_hide_no_more_than_their_share_behind_the_mean():
    settings = FrameAugmentation(band_mask=0.3, frame_mask=0.2)
    frames, lengths = _frames([40] * 30)
    out, _ = augment_frames(frames, lengths, settings, picture=PICTURE, seeds=range(30))
    hidden = out != frames
    assert hidden.any(dim=(1, 2)).sum() > 20
    assert hidden.all(dim=1).sum(dim=1).max() <= 6 and hidden.all(dim=2).sum(dim=1).max() <= 8
    mean = frames.mean(dim=1, keepdim=True).expand_as(out)
    torch.testing.assert_close(out[hidden], mean[hidden], atol=1e-4, rtol=1e-4)


def test_noise_lifts_what_is_quiet_and_no_more_than_it_says():
    loud = torch.zeros(1, 60, 23)
    loud[:, 30:] = -20.0
    settings = FrameAugmentation(noise=1.0, noise_low_db=20, noise_high_db=20)
    out, _ = augment_frames(loud, torch.tensor([60]), settings, picture=PICTURE, seeds=[3])
    # 20 dB below the mean power of 0.5, with a slope of at most 2 · 2.55 in ln
    assert -10.5 < out[0, 30:].mean() < 0 and (out[0, :30] > -1e-4).all()


def test_waveforms_come_in_another_tempo_level_and_noise_as_their_seeds_say():
    noise = torch.randn(2, 4001, generator=torch.Generator().manual_seed(1)) * 0.1
    audio = Audio(noise, 16000, torch.tensor([3001, 4001])).zero_padded()
    settings = WaveformAugmentation(semitones=(-5, 6), rates=(0.8, 1.25), gain_db=(-6, -6), noise_db=(20, 20))
    together = augment_waveforms(audio, settings, seeds=[5, 6])
    alone = augment_waveforms(audio.items()[0], settings, seeds=[5])
    torch.testing.assert_close(alone.samples[0], together.items()[0].samples[0], atol=1e-5, rtol=0)
    assert all(2400 <= length <= 5002 for length in together.lengths.tolist())
    quiet = augment_waveforms(audio, WaveformAugmentation(gain_db=(-6, -6)), seeds=[5, 6])
    torch.testing.assert_close(quiet.samples, audio.samples * 10 ** (-0.3))


def test_ranges_that_cannot_be_are_refused():
    with pytest.raises(ValidationError, match="noise"):
        FrameAugmentation(noise=1.5)
    with pytest.raises(ValidationError, match="warp"):
        FrameAugmentation(warp=-0.1)
    with pytest.raises(ValidationError, match="give the lower first"):
        FrameAugmentation(noise_low_db=20, noise_high_db=10)
