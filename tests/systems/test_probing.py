"""`evaluate probe` over manifests: folds, splits and groups are kept, floors stand beside, and nothing leaks."""

import json
from pathlib import Path

import pytest
import soundfile
import torch

from journey import Journey
from smalti.cli import run
from smalti.core import DataError, ParameterError
from smalti.data.manifest import Manifest
from smalti.evaluate.probing import ProbeSettings
from smalti.systems.probe_rows import asked
from smalti.systems.probing import ProbeChoices, evaluate_probe

BRIEF = ProbeSettings(seeds=2, draws=50)


@pytest.fixture(scope="module")
def tones(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Low and high tones by six speakers, and noise: three classes that levels of bands tell apart."""
    folder, generator = tmp_path_factory.mktemp("tones"), torch.Generator().manual_seed(0)
    rows = []
    for speaker in range(6):
        for label, pitch in (("low", 200.0), ("high", 3000.0), ("noise", 0.0)):
            time = torch.arange(4000) / 8000
            sound = torch.sin(2 * torch.pi * (pitch + 10 * speaker) * time) if pitch else torch.zeros(4000)
            sound = 0.3 * sound + 0.1 * torch.randn(4000, generator=generator)
            name = f"{label}-{speaker}.wav"
            soundfile.write(folder / name, sound.numpy(), 8000)
            split = "test" if speaker > 3 else "train"
            both = f"{label}; {'even' if speaker % 2 else 'odd'}"
            rows.append({"path": name, "seconds": 0.5, "label": label, "speaker": f"s{speaker}", "both": both,
                         "split": split})  # fmt: skip
    Manifest.from_rows(rows, folder).write(folder / "manifest.csv")
    folds = [{**row, "fold": int(row["speaker"][1]) // 2 + 1} for row in rows]
    Manifest.from_rows(folds, folder).write(folder / "folds.csv")
    for side in ("train", "test"):
        Manifest.from_rows([row for row in rows if row["split"] == side], folder).write(folder / f"{side}.csv")
    Manifest.from_rows([{**row, "split": None} for row in rows], folder).write(folder / "plain.csv")
    return folder


def test_two_manifests_and_one_with_splits_give_equal_figures(tones: Path):
    choices = ProbeChoices(settings=BRIEF)
    two = evaluate_probe("log-mel", train=tones / "train.csv", test=tones / "test.csv", choices=choices)
    one = evaluate_probe("log-mel", data=tones / "manifest.csv", choices=choices)
    assert two["linear_accuracy"] == one["linear_accuracy"] == 1.0
    assert two["knn_accuracy"] == one["knn_accuracy"] >= 5 / 6
    assert (two["protocol"]["way"], one["protocol"]["way"]) == ("train and test", "split")
    assert one["protocol"]["train_rows"] == [12] and one["files"] == 18 and one["classes"] == 3


def test_official_folds_are_asked_in_turn(tones: Path):
    rows = asked(None, None, tones / "folds.csv")
    found = [(sorted({rows.groups[row] for row in part.test}), len(part.train)) for part in rows.parts()]
    assert found == [(["s0", "s1"], 12), (["s2", "s3"], 12), (["s4", "s5"], 12)]


def test_what_has_neither_is_split_by_whole_groups(tones: Path):
    rows = asked(None, None, tones / "plain.csv")
    (part,) = rows.parts()
    sides = [{rows.groups[row] for row in side.tolist()} for side in (part.train, part.test)]
    assert rows.way == "held-out groups" and not sides[0] & sides[1] and all(sides)


def test_several_classes_of_a_recording_are_scored_by_their_precision(tones: Path):
    choices = ProbeChoices(by="both", settings=ProbeSettings(several=True, seeds=1, draws=20))
    found = evaluate_probe("log-mel", data=tones / "manifest.csv", choices=choices)
    assert found["classes"] == 5 and 0.5 < found["linear_map"] <= 1 and 0 < found["knn_area"] <= 1
    assert "linear_accuracy" not in found


def test_a_learnt_encoder_stands_beside_its_net_unlearnt_and_log_mel_and_is_heard_once(
    tones: Path, journey: Journey, tmp_path: Path
):
    choices = ProbeChoices(settings=BRIEF, cache=tmp_path / "cache")
    first = evaluate_probe(journey.alm, data=tones / "manifest.csv", choices=choices)
    assert set(first["baselines"]) == {"random", "log_mel"}
    files = sorted((tmp_path / "cache").iterdir())
    times = [file.stat().st_mtime_ns for file in files]
    again = evaluate_probe(journey.alm, data=tones / "manifest.csv", choices=choices)
    assert len(files) == 3 and [file.stat().st_mtime_ns for file in files] == times
    changing = ("seconds", "real_time_factor")
    assert {k: v for k, v in first.items() if k not in changing} == {
        k: v for k, v in again.items() if k not in changing
    }


def test_order_tells_rising_from_falling_where_mean_and_deviation_cannot(tmp_path: Path):
    rows, seconds = [], torch.arange(8000) / 8000
    for speaker in range(8):
        for label in ("rising", "falling"):
            generator = torch.Generator().manual_seed(2 * speaker + (label == "rising"))
            pitch = 300 * 2 ** (2 * seconds + 0.1 * speaker)
            sound = 0.3 * torch.sin(2 * torch.pi * pitch.cumsum(0) / 8000) + 0.003 * torch.randn(
                8000, generator=generator
            )
            soundfile.write(
                tmp_path / f"{label}{speaker}.wav", sound.flip(0 if label == "falling" else []).numpy(), 8000
            )
            rows.append({"path": f"{label}{speaker}.wav", "label": label, "speaker": f"s{speaker}",
                         "split": "test" if speaker % 2 else "train"})  # fmt: skip
    Manifest.from_rows(rows, tmp_path).write(tmp_path / "manifest.csv")
    accuracy = {
        pool: evaluate_probe("log-mel", data=tmp_path / "manifest.csv", choices=ProbeChoices(pool=pool, settings=BRIEF))
        for pool in ("mean+std", "mean+std+movement")
    }
    assert accuracy["mean+std"]["knn_accuracy"] < 0.8
    assert accuracy["mean+std+movement"]["knn_accuracy"] == accuracy["mean+std+movement"]["linear_accuracy"] == 1.0


def test_movement_without_a_recording_to_learn_from_says_why_none_can_be_read(tmp_path: Path):
    rows = [{"path": f"{label}{split}.wav", "label": label, "split": split}
            for label in ("a", "b") for split in ("train", "test")]  # fmt: skip
    for row in rows:
        name = tmp_path / row["path"]
        soundfile.write(name, torch.randn(800).numpy(), 8000) if row["split"] == "test" else name.write_bytes(b"text")
    Manifest.from_rows(rows, tmp_path).write(tmp_path / "manifest.csv")
    with pytest.raises(DataError, match=r"atrain\.wav.*btrain\.wav"):
        evaluate_probe("log-mel", data=tmp_path / "manifest.csv", choices=ProbeChoices(pool="mean+std+movement"))


def test_what_would_flatter_or_mean_nothing_is_refused(tones: Path, caplog: pytest.LogCaptureFixture):
    with pytest.raises(ParameterError, match="--train and --test"):
        asked(tones / "train.csv", None, None)
    with pytest.raises(DataError, match="learnt from and asked about"):
        asked(tones / "plain.csv", tones / "plain.csv", None)
    with pytest.raises(ParameterError, match="speaker"):
        asked(None, None, tones / "plain.csv", by="speakr")
    with pytest.raises(ParameterError, match="layers"):
        evaluate_probe("log-mel", data=tones / "plain.csv", choices=ProbeChoices(layers="all", settings=BRIEF))
    rows = Manifest.read(tones / "manifest.csv")
    Manifest.from_rows([{**row, "speaker": "one"} for row in rows.table.to_pylist()], tones).write(tones / "one.csv")
    asked(None, None, tones / "one.csv")
    assert "flattered" in caplog.text


def test_the_command_line_says_what_it_found(tones: Path, capsys: pytest.CaptureFixture[str]):
    line = ["evaluate", "probe", "log-mel", "--data", str(tones / "manifest.csv"), "--seeds", "1", "--json"]
    assert run(line) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["linear_accuracy"] == 1.0 and found["confidence"]["linear"] == [1.0, 1.0]
    assert run([*line[:-1], "--pool", "meen"]) == 2
    assert "did you mean 'mean'" in capsys.readouterr().err
