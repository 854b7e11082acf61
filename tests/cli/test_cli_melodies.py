"""Melodies from the command line: what is made, what is told, and what is refused in one sentence."""

import json
import math
from pathlib import Path

import pytest
import torch

from smalti.audio import write
from smalti.cli import run
from smalti.core import Audio
from smalti.data.manifest import Manifest


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    time = torch.arange(3200) / 16_000
    for name, hertz in (("A3", 220.0), ("B3", 246.94), ("D4", 293.66)):
        for take in range(2):
            path = tmp_path / "notes" / name / f"{take}.wav"
            path.parent.mkdir(parents=True, exist_ok=True)
            write(path, Audio.single(0.3 * torch.sin(2 * math.pi * hertz * (1 + 0.002 * take) * time), 16_000))
    return tmp_path / "notes"


def test_melodies_are_made_of_a_folder_of_notes(notes: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (notes / "A3" / "text.wav").write_text("no sound")
    asked = ["--count", "4", "--notes", "3:4", "--hold-out", "0.25", "--seed", "7", "--json"]
    assert run(["melodies", str(notes), "--to", str(notes.parent / "made"), *asked]) == 1
    told = json.loads(capsys.readouterr().out)
    assert told["files"] == 22 and told["melodies"] == 4 and told["notes"] == 3 and told["left_out"] == []
    assert [Path(one["path"]).name for one in told["failed"]] == ["text.wav"]
    manifest = Manifest.read(Path(told["manifest"]))
    assert manifest.rows == 22 and all(path.is_file() for path in manifest.paths())
    assert manifest.split("test").rows == 4


@pytest.mark.parametrize("asked", ["5", "5:", "five:six", "1:2:3"])
def test_notes_that_are_no_range_are_refused(notes: Path, asked: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["melodies", str(notes), "--to", str(notes.parent / "made"), "--notes", asked]) == 2
    assert "wanted two numbers such as 5:12" in capsys.readouterr().err
