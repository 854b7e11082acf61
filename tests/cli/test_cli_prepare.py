"""Preparing from the command line: what is held out, what is drawn, and what is refused in one sentence."""

import json
from pathlib import Path

import pytest
import torch

from smalti.audio import write
from smalti.cli import run
from smalti.core import Audio
from smalti.data.manifest import Manifest


@pytest.fixture
def sounds(tmp_path: Path) -> Path:
    for number in range(10):
        path = tmp_path / "in" / "ab"[number % 2] / f"{number}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        write(path, Audio.single(0.1 * torch.sin(torch.arange(3000) * (0.1 + number / 50)), 22_050))
    return tmp_path / "in"


def test_a_share_is_held_out_and_features_are_drawn(sounds: Path, capsys: pytest.CaptureFixture[str]) -> None:
    to, features = sounds.parent / "m.csv", sounds.parent / "features"
    asked = ["--hold-out", "0.2", "--features", "specvqgan", "--features-to", str(features), "--json"]
    assert run(["prepare", str(sounds), "--to", str(to), *asked]) == 0
    assert json.loads(capsys.readouterr().out)["files"] == 10
    manifest = Manifest.read(to)
    assert manifest.split("test").rows == 2 and manifest.labels().count("a") == 5
    assert len(list(features.rglob("*_mel.npy"))) == 10
    assert all(path.is_file() for path in manifest.paths())


def test_log_mels_are_written_for_all_that_can_be_heard_and_the_rest_is_told(
    sounds: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (sounds / "a" / "broken.wav").write_text("no sound")
    to, features = sounds.parent / "m.csv", sounds.parent / "features"
    asked = ["--features", "matpac", "--features-to", str(features), "--hold-out", "0.2", "--workers", "2"]
    assert run(["prepare", str(sounds), "--to", str(to), *asked, "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert told["files"] == 10 and [one["path"] for one in told["failed"]] == ["a/broken.wav"]
    listed = [line.split("\t")[0] for line in (features / "train.tsv").read_text().splitlines()[1:]]
    learnt = [str(path.relative_to(features)) for path in Manifest.read(to).split("train").paths()]
    assert listed == learnt and len(learnt) == 8
    assert run(["prepare", str(sounds), "--to", str(to), "--features", "matpac", "--features-to", str(sounds)]) == 2
    assert "lies within the recordings" in capsys.readouterr().err


def test_two_sources_are_one_table_and_their_pictures_lie_apart(
    sounds: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    to, features = sounds.parent / "m.csv", sounds.parent / "features"
    asked = ["prepare", str(sounds / "a"), str(sounds / "b"), "--to", str(to), "--hold-out", "0.2", "--json"]
    assert run(asked) == 0
    assert json.loads(capsys.readouterr().out)["files"] == Manifest.read(to).rows == 10
    assert run([*asked, "--features", "specvqgan", "--features-to", str(features)]) == 0
    assert sorted({path.parents[1].name for path in Manifest.read(to).paths()}) == ["a", "b"]
    assert all(path.is_file() for path in Manifest.read(to).paths())


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (["--features", "specvqgan"], "wanted both"),
        (["--features", "wide", "--features-to", "{to}"], "found features 'wide'; known: specvqgan, matpac"),
        (["--hold-out", "0.2", "--group", "nobody"], "column 'nobody' is unknown"),
    ],
)
def test_what_cannot_be_done_is_refused(
    sounds: Path, asked: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    to = sounds.parent / "m.csv"
    assert run(["prepare", str(sounds), "--to", str(to), *(word.format(to=sounds.parent / "f") for word in asked)]) == 2
    assert said in capsys.readouterr().err
    assert not to.exists()
