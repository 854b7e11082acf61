"""Pictures of recordings as published: their shape, their rate, their names, and that a second run draws nothing."""

from pathlib import Path

import numpy as np
import pytest
import torch

from smalti.audio import read, write
from smalti.core import Audio, DataError, ParameterError
from smalti.data import Manifest, prepare
from smalti.data.given_pictures import ManifestPictures, read_cut_picture
from smalti.data.picture_corpus import published_picture, write_pictures
from smalti.data.prepare import PrepareChoices
from smalti.features import MEL_PRESETS, log_mel, read_picture

PICTURE = MEL_PRESETS["specvqgan"]


def sound(path: Path, seconds: float, rate: int = 44_100) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    time = torch.arange(round(seconds * rate)) / rate
    write(path, Audio.single(0.3 * torch.sin(2 * torch.pi * (300 + 400 * time) * time), rate))
    return path


def drawn(to: Path) -> PrepareChoices:
    return PrepareChoices(features="specvqgan", features_to=to)


def test_pictures_are_as_published_and_the_manifest_lists_them(tmp_path: Path) -> None:
    sound(tmp_path / "in" / "dog" / "a.b.wav", 0.7)
    sound(tmp_path / "in" / "gun" / "c.wav", 11, rate=8000)
    report = prepare(tmp_path / "in", tmp_path / "m.csv", choices=drawn(tmp_path / "out"))
    assert report.files == 2 and not report.failed
    manifest = Manifest.read(tmp_path / "m.csv")
    names = ["out/dog/melspec_10s_22050hz/a.b_mel.npy", "out/gun/melspec_10s_22050hz/c_mel.npy"]
    assert manifest.table["path"].to_pylist() == names and manifest.labels() == ["dog", "gun"]
    assert manifest.values("seconds").tolist() == [848 * 256 / 22_050] * 2
    for path in manifest.paths():
        assert read_picture(path, PICTURE).shape == (80, 860)
        assert np.load(path, allow_pickle=False).dtype == np.float32


def test_defect_23_other_rates_are_resampled_before_they_are_drawn(tmp_path: Path) -> None:
    """The reference drew sound of any rate as if it were at 22 050 Hz."""
    path = sound(tmp_path / "in" / "a.wav", 2.0)
    prepare(tmp_path / "in", tmp_path / "m.csv", choices=drawn(tmp_path / "out"))
    found = read_picture(tmp_path / "out" / "melspec_10s_22050hz" / "a_mel.npy", PICTURE)
    wanted = log_mel(read(path, sample_rate=22_050).samples, PICTURE)[0]
    assert torch.allclose(found[:, :150], wanted[:, :150], atol=1e-5)
    assert not found[:, 180:].any()
    assert torch.equal(published_picture(torch.zeros(500_000), PICTURE), torch.zeros(80, 860))


def test_a_second_run_draws_only_what_is_missing(tmp_path: Path) -> None:
    for name in "abc":
        sound(tmp_path / "in" / f"{name}.wav", 0.3)
    prepare(tmp_path / "in", tmp_path / "m.csv", choices=drawn(tmp_path / "out"))
    files = sorted((tmp_path / "out").rglob("*.npy"))
    files[0].write_bytes(files[0].read_bytes()[:-4])
    before = {path: path.stat().st_mtime_ns for path in files}
    prepare(tmp_path / "in", tmp_path / "m.csv", choices=drawn(tmp_path / "out"), workers=2)
    after = {path: path.stat().st_mtime_ns for path in files}
    assert [path for path in files if before[path] != after[path]] == files[:1]
    assert read_picture(files[0], PICTURE).shape == (80, 860)


def test_two_recordings_never_share_a_picture_and_other_features_are_refused(tmp_path: Path) -> None:
    sound(tmp_path / "in" / "a.wav", 0.3)
    sound(tmp_path / "in" / "a.flac", 0.3)
    report = prepare(tmp_path / "in", tmp_path / "m.csv", choices=drawn(tmp_path / "out"), max_bad=0.5)
    assert report.files == 1 and "over the picture of" in report.failed[0]["reason"]
    with pytest.raises(ParameterError, match="wanted 'specvqgan'"):
        write_pictures([], tmp_path, tmp_path, "wide")


def test_published_pictures_are_prepared_like_sound(tmp_path: Path) -> None:
    folder = tmp_path / "dog" / "melspec_10s_22050hz"
    folder.mkdir(parents=True)
    np.save(folder / "a_mel.npy", np.random.default_rng(0).random((80, 860)))
    np.save(folder / "b_mel.npy", np.zeros((80, 7)))
    np.save(folder / "c_mel.npy", np.zeros((81, 860)))
    report = prepare(tmp_path, tmp_path / "m.csv", max_bad=0.9)
    assert [row["reason"].split(",")[0] for row in report.failed] == ["holds 7 frames", "is of shape (81"]
    manifest = Manifest.read(tmp_path / "m.csv")
    assert manifest.labels() == ["dog"]
    recordings = ManifestPictures(manifest, PICTURE)
    assert not recordings.sounds(0) and recordings.samples == [848 * 256]
    whole = read_picture(folder / "a_mel.npy", PICTURE)
    assert torch.equal(recordings.picture(0), whole[:, 6:854])
    with pytest.raises(DataError, match="wanted another mel"):
        read_cut_picture(folder / "a_mel.npy", MEL_PRESETS["wide"])
