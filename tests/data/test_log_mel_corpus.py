"""Log-mels of a corpus: what the front end hears of each recording, none lost, and an interrupted run goes on."""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from smalti.audio import read, write
from smalti.core import Audio, ParameterError
from smalti.data import CORPORA, Manifest, prepare
from smalti.data.log_mel_corpus import log_mel_of
from smalti.data.log_mels import LogMels
from smalti.data.prepare import PrepareChoices
from smalti.features import MATPAC_PICTURE, SILENCE, power_log_mel


def sound(path: Path, samples: int, rate: int = 16_000) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = 0.2 * torch.randn(samples, generator=torch.Generator().manual_seed(samples))
    write(path, Audio.single(noise, rate))
    return path


def heard(to: Path) -> PrepareChoices:
    return PrepareChoices(features="matpac", features_to=to)


def prepared(folder: Path, *, workers: int = 1) -> list[Path]:
    prepare(folder / "in", folder / "m.csv", choices=heard(folder / "out"), workers=workers)
    return sorted((folder / "out").rglob("*.npy"))


@pytest.mark.parametrize("samples", [350, 399, 400, 559, 560, 160_000, 160_239, 395_000])
def test_blocks_hear_what_is_heard_at_once(tmp_path: Path, samples: int) -> None:
    path = sound(tmp_path / "a.wav", samples)
    found, wanted = log_mel_of(path), power_log_mel(read(path).samples)[0]
    assert found.shape == wanted.shape
    torch.testing.assert_close(found, wanted, atol=2e-4, rtol=0)


def test_the_tree_mirrors_the_recordings_and_equal_names_do_not_collide(tmp_path: Path) -> None:
    paths = [sound(tmp_path / "in" / name, 8000, 22_050) for name in ("dog/a.wav", "dog/a.mp3", "b.c.flac")]
    files = prepared(tmp_path)
    assert [str(path.relative_to(tmp_path / "out")) for path in files] == [
        "b.c.flac.npy",
        "dog/a.mp3.npy",
        "dog/a.wav.npy",
    ]
    for path in paths:
        stored = np.load(tmp_path / "out" / f"{path.relative_to(tmp_path / 'in')}.npy", allow_pickle=False)
        assert stored.dtype == np.float32
        wanted = power_log_mel(read(path, sample_rate=16_000).samples)[0]
        torch.testing.assert_close(torch.from_numpy(stored), wanted, atol=2e-4, rtol=0)
    manifest = Manifest.read(tmp_path / "m.csv")
    assert manifest.labels() == [None, "dog", "dog"]
    clips = LogMels(manifest, picture=MATPAC_PICTURE, memory=0)
    assert [clips.crop(clips.pieces(clip)[0]).shape[1] for clip in range(3)] == clips.frames


def test_an_interrupted_run_goes_on_and_trusts_whole_files_only(tmp_path: Path) -> None:
    for number, name in enumerate("abcd"):
        sound(tmp_path / "in" / f"{name}.wav", 8000 + 160 * number)
    files = prepared(tmp_path)
    whole = [path.read_bytes() for path in files]
    files[0].write_bytes(whole[0][:-4])
    files[1].write_bytes(whole[3])
    os.utime(files[2], ns=(0, 0))
    before = [path.stat().st_mtime_ns for path in files]
    assert prepared(tmp_path, workers=2) == files
    assert [path.read_bytes() for path in files] == whole
    assert [path.stat().st_mtime_ns != then for path, then in zip(files, before, strict=True)] == [True] * 3 + [False]


def test_a_run_that_was_killed_leaves_whole_files_only_and_ends_with_the_same_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number, name in enumerate("abcd"):
        sound(tmp_path / "in" / f"{name}.wav", 8000 + 160 * number)
    whole = {path.name: path.read_bytes() for path in prepared(tmp_path)}
    shutil.rmtree(tmp_path / "out")
    (tmp_path / "m.csv").unlink()
    replace = Path.replace

    def killed_at_the_third(path: Path, target: Path) -> Path:
        if target.name == "c.wav.npy":
            raise KeyboardInterrupt
        return replace(path, target)

    monkeypatch.setattr(Path, "replace", killed_at_the_third)
    with pytest.raises(KeyboardInterrupt):
        prepared(tmp_path)
    monkeypatch.undo()
    first = tmp_path / "out" / "a.wav.npy"
    then = first.stat().st_mtime_ns
    assert not (tmp_path / "m.csv").exists() and not (tmp_path / "out" / "c.wav.npy").exists()
    assert {path.name: path.read_bytes() for path in prepared(tmp_path)} == whole
    assert first.stat().st_mtime_ns == then


def test_short_and_silent_recordings_are_kept_and_flagged_and_broken_ones_told(tmp_path: Path) -> None:
    sound(tmp_path / "in" / "short.wav", 300)
    write(tmp_path / "in" / "silent.wav", Audio.single(torch.zeros(4000), 16_000))
    (tmp_path / "in" / "broken.wav").write_text("no sound")
    choices = heard(tmp_path / "out")
    report = prepare(tmp_path / "in", tmp_path / "m.csv", choices=choices, max_bad=0.5)
    assert report.files == 2
    assert report.failed == ({"path": "broken.wav", "reason": "is plain text, not sound"},)
    assert [(row["path"], row["flags"]) for row in report.flagged] == [
        ("short.wav.npy", ["short"]),
        ("silent.wav.npy", ["silent"]),
    ]
    clips = LogMels(Manifest.read(tmp_path / "m.csv"), picture=MATPAC_PICTURE, memory=0)
    assert clips.frames == [3, 25]
    torch.testing.assert_close(clips.crop(clips.pieces(1)[0]), torch.full((80, 25), SILENCE))


def test_the_list_for_fairseq_reads_back_as_the_same_recordings(tmp_path: Path) -> None:
    sound(tmp_path / "in" / "train" / "a.wav", 16_000)
    sound(tmp_path / "in" / "test" / "b.wav", 8000)
    prepared(tmp_path)
    lines = (tmp_path / "out" / "train.tsv").read_text().splitlines()
    assert lines == [str(tmp_path / "out"), "train/a.wav.npy\t98"]
    report = prepare(tmp_path / "out" / "train.tsv", tmp_path / "again.csv", corpus="fairseq")
    assert report.files == 1 and not report.failed
    row = Manifest.read(tmp_path / "again.csv").table.to_pylist()[0]
    assert row["path"] == str(tmp_path / "out" / "train" / "a.wav.npy")
    assert (row["seconds"], row["split"]) == ((97 * 160 + 400) / 16_000, "train")


def test_a_list_whose_folder_moved_is_read_from_where_it_lies_now(tmp_path: Path) -> None:
    sound(tmp_path / "in" / "a.wav", 16_000)
    prepared(tmp_path)
    (tmp_path / "out").rename(tmp_path / "moved")
    rows = CORPORA["fairseq"](tmp_path / "moved")
    assert [row["path"] for row in rows] == [str(tmp_path / "moved" / "a.wav.npy")]


def test_a_tree_of_log_mels_is_prepared_like_sound(tmp_path: Path) -> None:
    (tmp_path / "dog").mkdir()
    numbers = np.random.default_rng(0).normal(-7, 4, (80, 33)).astype(np.float32)
    np.save(tmp_path / "dog" / "a.npy", numbers)
    np.save(tmp_path / "dog" / "nan.npy", np.where(numbers > 0, np.nan, numbers))
    np.save(tmp_path / "dog" / "embedding.npy", np.zeros(768, np.float32))
    (tmp_path / "dog" / "cut.npy").write_bytes((tmp_path / "dog" / "a.npy").read_bytes()[:-1])
    report = prepare(tmp_path, tmp_path / "m.csv", max_bad=0.9)
    assert [row["path"] for row in report.failed] == ["dog/cut.npy", "dog/nan.npy"]
    manifest = Manifest.read(tmp_path / "m.csv")
    assert manifest.table["path"].to_pylist() == ["dog/a.npy"] and manifest.labels() == ["dog"]


def test_unknown_features_are_refused_before_anything_is_read(tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match="'matpac'"):
        prepare(tmp_path / "none", tmp_path / "m.csv", choices=PrepareChoices(features="matpack", features_to=tmp_path))
