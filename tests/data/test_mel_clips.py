"""Recordings as frames: what a crop shows is the picture of its sound, and what is told of it was true then."""

import math
from pathlib import Path

import pytest
import torch

from smalti.audio import write
from smalti.core import Audio, DataError
from smalti.data.manifest import Manifest
from smalti.data.mel_clips import MelClips
from smalti.data.textures import textures
from smalti.data.waveforms import Piece
from smalti.features import MelSettings, hop_by_hop

PICTURE = MelSettings(sample_rate=8000, n_fft=256, hop=64, bands=11, low_hz=0.0, high_hz=4000.0)


def noise(seconds: float, seed: int) -> torch.Tensor:
    return 0.3 * torch.randn(1, round(8000 * seconds), generator=torch.Generator().manual_seed(seed)).clamp(-3, 3)


@pytest.fixture
def manifest(tmp_path: Path) -> Manifest:
    rows: list[dict[str, object]] = []
    for number, (seconds, split) in enumerate(((0.5, "train"), (0.3, "test"), (0.21, "train"), (0.0, "test"))):
        write(tmp_path / f"{number}.wav", Audio(noise(seconds, number), 8000, torch.tensor([round(8000 * seconds)])))
        kind = "low" if number % 2 else "high"
        rows.append({"path": f"{number}.wav", "seconds": seconds, "label": kind, "split": split, "rate": 1.0 + number})
    return Manifest.from_rows(rows, tmp_path)


def test_a_crop_is_a_part_of_the_picture_of_its_sound(manifest: Manifest) -> None:
    clips = MelClips(manifest, PICTURE, memory=1)
    assert clips.frames.tolist() == [63, 38, 27, 0]
    assert (clips.training, clips.held_out) == ([Piece(0, 0, 63), Piece(2, 0, 27)], [1])
    whole = hop_by_hop(noise(0.5, 0), PICTURE)[0]
    drawn, told = clips.crop(clips.training[0], start=5, frames=20)
    torch.testing.assert_close(drawn, whole[:, 5:25], rtol=0, atol=1e-3)  # files hold 16 bits
    assert told.labels.shape == (1, 20) and clips.schema.labels == ("high", "low")
    assert (told.labels == 0).all()


def test_a_late_crop_is_the_picture_of_the_sound_that_much_later(manifest: Manifest) -> None:
    clips = MelClips(manifest, PICTURE, memory=1)
    later = hop_by_hop(noise(0.5, 0)[:, 40:], PICTURE)[0]
    drawn, _ = clips.crop(clips.training[0], start=5, frames=20, late=40)
    torch.testing.assert_close(drawn, later[:, 5:25], rtol=0, atol=1e-3)


def test_behind_the_end_there_is_nothing_and_what_was_told_holds(manifest: Manifest) -> None:
    clips = MelClips(manifest, PICTURE, memory=0)
    drawn, told = clips.crop(clips.training[1], start=20, frames=12)
    assert drawn[:, :7].isfinite().all() and drawn[:, 7:].isnan().all()
    assert told.values[0, :, 0].tolist() == [1.0] * 12 and told.values[0, :, 1].isnan().all()  # rate of high, of low
    begun, told = clips.beginning(1, frames=100)
    torch.testing.assert_close(begun, hop_by_hop(noise(0.3, 1), PICTURE)[0], rtol=0, atol=1e-3)
    assert told.labels.shape == (1, 38) and (told.labels == 1).all()


def test_levels_are_those_of_what_is_for_training(manifest: Manifest) -> None:
    clips = MelClips(manifest, PICTURE, memory=1)
    whole = torch.cat([hop_by_hop(noise(*one), PICTURE)[0] for one in ((0.5, 0), (0.21, 2))], dim=1)
    mean, deviation = clips.levels()
    torch.testing.assert_close(mean, whole.mean(1), rtol=0, atol=1e-3)
    torch.testing.assert_close(deviation, whole.std(1, correction=0), rtol=0, atol=1e-3)


def test_what_moved_is_told_frame_by_frame(tmp_path: Path) -> None:
    textures(tmp_path, clips=2, seconds=0.6, kinds=["pistons"], sample_rate=8000, moving=1.0, seed=3)
    manifest = Manifest.read(tmp_path)
    clips = MelClips(manifest, PICTURE, memory=1)
    rate, values = manifest.track("pistons/pistons-0000.flac")["rate"]
    _, told = clips.crop(clips.training[0], start=3, frames=60)
    parameter = clips.schema.parameters[0]
    for frame in (0, 20, 59):
        wanted = parameter.normalise(float(values[min(round((frame + 3.5) * 64 / 8000 * rate), len(values) - 1)]))
        assert math.isclose(float(told.values[0, frame, 0]), wanted, abs_tol=0.1)
    assert not torch.equal(told.values[0, 0], told.values[0, -1])


def test_nothing_to_learn_from_is_refused(manifest: Manifest) -> None:
    with pytest.raises(DataError, match="found no recording to learn from"):
        MelClips(manifest.select([1, 3]), PICTURE, memory=1)
