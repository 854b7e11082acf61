"""Melodies: each different, sung by takes of its notes, asked for by other takes, at other tempos, in other keys."""

import math
from itertools import pairwise
from pathlib import Path

import pytest
import torch

from smalti.audio import read, write
from smalti.core import Audio, DataError, ParameterError
from smalti.data import Manifest
from smalti.data.melodies import MelodiesReport, MelodyChoices, melodies
from smalti.data.notes import read_notes
from smalti.features.pitch import PitchSettings, pitch_salience, pitch_track

RATE = 16_000
NOTES = {"A2": 45, "B2": 47, "C#3": 49, "D3": 50, "E3": 52}
SHARED = Path(__file__).parents[2].parent / "shared" / "data" / "sung-notes"


def hum(semitone: float, seconds: float) -> torch.Tensor:
    """Five partials, each half as loud as the one below."""
    time = torch.arange(round(seconds * RATE), dtype=torch.float64) / RATE
    hertz = 440 * 2 ** ((semitone - 69) / 12)
    return sum((0.3 / 2**n * torch.sin(2 * math.pi * (n + 1) * hertz * time) for n in range(5)), time * 0).float()


def sung(folder: Path, *, takes: int = 3) -> Path:
    """Takes that tell themselves apart by their length: 0.20 s, 0.23 s, 0.26 s."""
    for name, semitone in NOTES.items():
        (folder / name).mkdir(parents=True)
        for take in range(takes):
            write(folder / name / f"{take}.wav", Audio.single(hum(semitone + 0.1 * take, 0.2 + 0.03 * take), RATE))
    return folder


def made(folder: Path, **named: object) -> tuple[MelodiesReport, list[dict[str, object]]]:
    choices = MelodyChoices(**{"count": 6, "notes": (3, 5), "sample_rate": RATE, **named})  # pyright: ignore
    report = melodies(folder / "in", folder / "out", choices=choices)
    rows = Manifest.read(report.manifest).table.to_pylist()
    return report, [row for row in rows if row["kind"] != "note"]


def heard_steps(path: Path) -> list[int]:
    """Semitones between the pitches in the middle of a recording's notes, found where the line stands still."""
    settings = PitchSettings()
    audio = read(path, sample_rate=RATE)
    line = pitch_track(pitch_salience(audio, settings), audio, settings)[0]
    still = [round(float(value)) for value in line if not value.isnan()]
    runs = [still[0]]
    counts = [0]
    for value in still:
        if value != runs[-1]:
            runs.append(value)
            counts.append(0)
        counts[-1] += 1
    kept = [run for run, count in zip(runs, counts, strict=True) if count >= 5]
    return [after - before for before, after in pairwise(kept) if after != before]


def test_melodies_are_different_and_every_kind_of_query_asks_for_each(tmp_path: Path) -> None:
    sung(tmp_path / "in")
    report, rows = made(tmp_path, queries=2)
    assert len(rows) == 6 * (1 + 2 * 3) and not report.failed
    assert report.melodies == 6 and report.files == len(rows) + 3 * len(NOTES)
    tunes = {row["label"]: row["melody"] for row in rows}
    moves = [" ".join(step for step in str(tune).split() if step != "+0") for tune in tunes.values()]
    assert len(set(moves)) == len(tunes) == 6
    for label in tunes:
        kinds = [row["kind"] for row in rows if row["label"] == label]
        assert kinds == ["collection", *["vanilla", "stretched", "shifted"] * 2]
        assert len({row["split"] for row in rows if row["label"] == label}) == 1
    for row in rows:
        assert 3 <= len(str(row["notes"]).split()) <= 5
        assert (tmp_path / "out" / str(row["path"])).is_file()
        assert (row["transposition"] != 0) == (row["kind"] == "shifted")
        assert -5 <= float(str(row["transposition"])) <= 6 and 0.8 <= float(str(row["tempo"])) <= 1.25
        assert (row["tempo"] != 1) == (row["kind"] == "stretched")


def test_every_take_of_a_note_can_be_learnt_alone(tmp_path: Path) -> None:
    sung(tmp_path / "in")
    made(tmp_path, count=3)
    rows = [row for row in Manifest.read(tmp_path / "out" / "train.csv").table.to_pylist() if row["kind"] == "note"]
    assert sorted({row["label"] for row in rows}) == sorted(NOTES) and len(rows) == 3 * len(NOTES)
    assert all(row["split"] == "train" and (tmp_path / "out" / str(row["path"])).is_file() for row in rows)


def test_every_recording_sings_its_melody(tmp_path: Path) -> None:
    sung(tmp_path / "in")
    _, rows = made(tmp_path, count=3)
    for row in rows:
        steps = [int(step) for step in str(row["melody"]).split() if int(step)]
        assert heard_steps(tmp_path / "out" / str(row["path"])) == steps, row


def test_no_take_is_sung_both_in_the_collection_and_in_a_query(tmp_path: Path) -> None:
    sung(tmp_path / "in", takes=2)
    lengths = {round(0.2 * RATE), round(0.23 * RATE)}
    _, rows = made(tmp_path, count=12, queries=0)
    whole = {row["label"]: round(float(str(row["seconds"])) * RATE) for row in rows}
    _, rows = made(tmp_path, count=12)
    for row in rows:
        if row["kind"] == "vanilla":
            # a note has two takes: what one version sings is what the other does not
            both = whole[row["label"]] + round(float(str(row["seconds"])) * RATE)
            assert abs(both - len(str(row["notes"]).split()) * sum(lengths)) <= 2 * 5 * RATE // 100


def test_a_stretched_query_lasts_as_told(tmp_path: Path) -> None:
    sung(tmp_path / "in", takes=2)
    _, rows = made(tmp_path, count=4)
    for label in {row["label"] for row in rows}:
        _, vanilla, stretched, shifted = (row for row in rows if row["label"] == label)
        seconds = float(str(vanilla["seconds"]))
        assert float(str(stretched["seconds"])) == pytest.approx(seconds / float(str(stretched["tempo"])), abs=1e-3)
        assert float(str(shifted["seconds"])) == pytest.approx(seconds, abs=1e-3)


def test_equal_arguments_give_equal_bytes_and_another_seed_other_melodies(tmp_path: Path) -> None:
    sung(tmp_path / "in")
    found = []
    for seed in (3, 3, 4):
        made(tmp_path, count=2, seed=seed)
        found.append({path.name: path.read_bytes() for path in sorted((tmp_path / "out").rglob("*.*"))})
    assert found[0] == found[1]
    assert found[0]["manifest.csv"] != found[2]["manifest.csv"]


def test_manifests_part_what_is_learnt_from_what_is_searched_and_what_is_asked(tmp_path: Path) -> None:
    sung(tmp_path / "in")
    _, rows = made(tmp_path, count=20, hold_out=0.3)
    table = {
        name: Manifest.read(tmp_path / "out" / f"{name}.csv")
        for name in ("train", "collection", "vanilla", "stretched", "shifted")
    }
    assert {name: manifest.rows for name, manifest in table.items()} == {
        "train": 56 + 3 * len(NOTES), "collection": 6, "vanilla": 6, "stretched": 6, "shifted": 6
    }  # fmt: skip
    assert set(table["train"].table["split"].to_pylist()) == {"train", "valid"}
    asked = {row["label"] for row in rows if row["split"] == "test"}
    assert set(table["collection"].labels()) == set(table["shifted"].labels()) == asked
    assert not asked & set(table["train"].labels())


def test_what_is_no_take_of_its_note_is_told_and_single_takes_are_left_out(tmp_path: Path) -> None:
    sung(tmp_path / "in", takes=2)
    (tmp_path / "in" / "F3").mkdir()
    write(tmp_path / "in" / "F3" / "0.wav", Audio.single(hum(53, 0.2), RATE))
    write(tmp_path / "in" / "A2" / "wrong.wav", Audio.single(hum(47.5, 0.2), RATE))
    write(tmp_path / "in" / "A2" / "silent.wav", Audio.single(torch.zeros(4000), RATE))
    (tmp_path / "in" / "A2" / "broken.wav").write_text("no sound")
    write(tmp_path / "in" / "nameless.wav", Audio.single(hum(45, 0.2), RATE))
    report, _ = made(tmp_path, count=2)
    reasons = {Path(one["path"]).name: one["reason"] for one in report.failed}
    assert sorted(reasons) == ["broken.wav", "nameless.wav", "silent.wav", "wrong.wav"]
    assert reasons["wrong.wav"] == "sounds +2.5 semitones beside A2"
    assert "no pitch" in reasons["silent.wav"] and "no label" in reasons["nameless.wav"]
    assert report.left_out == ("F3",) and report.notes == 5


def test_a_label_means_the_note_that_is_heard_in_any_octave_it_is_counted_in(tmp_path: Path) -> None:
    for name in ("A3", "Bb2", "high"):
        (tmp_path / name).mkdir()
    write(tmp_path / "A3" / "a.wav", Audio.single(hum(45.4, 0.2), RATE))
    write(tmp_path / "Bb2" / "a.wav", Audio.single(hum(45.6, 0.2), RATE))
    write(tmp_path / "high" / "a.wav", Audio.single(hum(60.2, 0.2), RATE))
    notes, failed = read_notes(tmp_path, sample_rate=RATE)
    assert [(note.name, note.semitone) for note in notes] == [("A3", 45), ("Bb2", 46), ("high", 60)] and not failed


def test_what_cannot_be_is_refused(tmp_path: Path) -> None:
    sung(tmp_path / "in", takes=1)
    with pytest.raises(ParameterError, match="found 0 notes of two takes or more"):
        made(tmp_path)
    with pytest.raises(ParameterError, match="found 6 melodies of 5…3 notes"):
        made(tmp_path, notes=(5, 3))
    sung(tmp_path / "again" / "in", takes=2)
    with pytest.raises(ParameterError, match="different melodies of these notes, wanted 90"):
        made(tmp_path / "again", count=90, notes=(2, 2))
    with pytest.raises(DataError):
        melodies(tmp_path / "nowhere", tmp_path / "out")


@pytest.mark.shared
def test_the_shared_notes_are_those_that_their_names_say() -> None:
    notes, failed = read_notes(SHARED, sample_rate=RATE)
    assert not failed
    assert [note.semitone for note in notes] == list(range(notes[0].semitone, notes[0].semitone + len(notes)))
