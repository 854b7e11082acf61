"""From two sheets, wrong as people's are, to scores: every class keeps its number on all of the way."""

import json
from pathlib import Path

import pytest

from journey import TINY_LM, Journey
from smalti.cli import run
from smalti.data import Manifest
from smalti.data.token_clips import TokenClips
from smalti.store import TokenStore
from smalti.systems.registry import load_language_model

HEAD = "Full File Name,Class Name,rate\n"


def sheets(folder: Path, sounds: Path, *, valid: str = "rain", odd: str = "rain ") -> None:
    """Pistons and rain to learn from; to test, one class only, the last value within what is learnt from."""
    rows = Manifest.read(sounds).table.to_pylist()
    lines = {
        kind: [f"{sounds / row['path']},{{}},{row['rate']}" for row in rows if row["label"] == kind]
        for kind in ("pistons", "rain")
    }
    learnt = [line.format(kind) for kind, all_lines in lines.items() for line in (*all_lines[:2], *all_lines[3:])]
    (folder / "train.csv").write_text(HEAD + "\n".join(learnt) + "\n")
    (folder / "valid.csv").write_text(HEAD + lines[valid][2].format(odd) + "\n")


def prepare(folder: Path) -> int:
    words = ["prepare", str(folder / "train.csv"), "--validation", str(folder / "valid.csv"), "--corpus", "syntex"]
    return run([*words, "--to", str(folder / "m" / "manifest.csv"), "--json"])


def test_a_validation_sheet_without_a_class_shifts_no_number_from_sheet_to_scores(
    journey: Journey, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sheets(tmp_path, journey.sounds)
    assert prepare(tmp_path) == 0
    notes = " ".join(note["reason"] for note in json.loads(capsys.readouterr().out)["notes"])
    assert "class 'rain' is also written 'rain ' (row 2)" in notes and "is of pistons; these keep" in notes
    manifest, store, model = tmp_path / "m" / "manifest.csv", tmp_path / "tokens", tmp_path / "model"
    assert run(["encode", str(journey.codec), "--data", str(manifest), "--to", str(store)]) == 0
    clips = TokenClips([TokenStore.open(store)])
    assert clips.schema.labels == ("pistons", "rain") and len(clips.training) == 10
    (held_out,) = clips.held_out.tolist()
    told = clips.condition(held_out, start=0, frames=1)
    assert told.labels.item() == 1 and told.values[0, 0].isnan().tolist() == [True, False]
    assert run(["train", "synthformer/tiny", "--data", str(store), "--out", str(model), *TINY_LM]) == 0
    assert load_language_model(model).schema == Manifest.read(manifest).schema()
    capsys.readouterr()
    words = ["evaluate", "generation", str(model), "--data", str(manifest), "--seconds", "0.5", "--clips", "2"]
    assert run([*words, "--json"]) == 0
    assert set(json.loads(capsys.readouterr().out)["parameter_correlation"]) == {"pistons.rate", "rain.rate"}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"odd": "reign"}, "is of class 'reign', which is not in what is learnt from; did you mean 'rain'"),
        ({"odd": "Pistons"}, "is of class 'Pistons', which is not in what is learnt from; did you mean 'pistons'"),
        ({"odd": "pistons"}, "pistons.rate="),
    ],
)
def test_a_wrong_sheet_ends_where_it_is_read_and_says_which_row(
    sounds: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], change: dict[str, str], words: str
) -> None:
    sheets(tmp_path, sounds, **change)
    assert prepare(tmp_path) == 2
    told = capsys.readouterr().err
    assert words in told and ".flac" in told
    assert not (tmp_path / "m" / "manifest.csv").exists()
