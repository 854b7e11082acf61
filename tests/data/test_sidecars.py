"""Parameters that move, told in files beside the recordings: they reach every frame, and what is wrong is named."""

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from smalti.core import DataError, ParameterError
from smalti.data import Manifest, prepare
from smalti.data.prepare import PrepareChoices
from smalti.data.sidecars import read_sidecar
from smalti.data.textures import textures
from smalti.data.token_clips import TokenClips
from smalti.store import TokenStore
from smalti.systems.mulaw import MuLaw
from smalti.transcode import encode_store

RATE, FPS = 8000, 50.0


def sound(path: Path, seconds: float = 0.6) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, 0.1 * np.sin(np.arange(round(seconds * RATE))), RATE, format="WAV")
    return path


def beside(recording: Path, *, values: np.ndarray | None = None, **facts: object) -> Path:
    """A recording's sidecar: force falls from 3 to 1, pan stays."""
    if values is None:
        values = np.stack([np.linspace(3, 1, 30), np.full(30, 0.25)], axis=1)
    told = {"fps": FPS, "names": ["force", "pan"], "norm": {"mean": [], "std": [], "min": [], "max": []}} | facts
    np.save(recording.with_suffix(".cond.npy"), values.astype(np.float16))
    recording.with_suffix(".cond.json").write_text(json.dumps(told))
    return recording


def test_what_moves_reaches_every_frame_of_the_tokens(tmp_path: Path) -> None:
    beside(sound(tmp_path / "in" / "wind" / "a.wav"))
    beside(sound(tmp_path / "in" / "wind" / "b.wav"), values=np.full((30, 2), (2.0, 0.75)))
    sound(tmp_path / "in" / "rain" / "c.wav")
    report = prepare(tmp_path / "in", tmp_path / "m.csv")
    assert report.files == 3 and report.failed == ()
    manifest = Manifest.read(tmp_path / "m.csv")
    assert [(p.key, p.low, p.high) for p in manifest.schema().parameters] == [
        ("wind.force", 1.0, 3.0),
        ("wind.pan", 0.25, 0.75),
    ]
    assert manifest.values("force")[1:] == pytest.approx([2.0, 2.0], abs=1e-3)
    encode_store(MuLaw(), manifest, tmp_path / "store")
    clips = TokenClips([TokenStore.open(tmp_path / "store")])
    told = clips.condition(1, start=0, frames=int(clips.frames[1]))
    middles = (torch.arange(int(clips.frames[1])) + 0.5) / clips.spec.frame_rate
    falling = (1 - middles * FPS / 29).clamp(min=0)
    assert torch.allclose(told.values[0, :, 0], falling.float(), atol=2e-3)
    assert told.values[0, :, 1].eq(0).all()
    assert clips.condition(2, start=5, frames=2).values[0].tolist() == [[0.5, 1.0]] * 2
    assert clips.condition(0, start=5, frames=2).values.isnan().all()


def test_tables_of_breakpoints_hold_their_last_value(tmp_path: Path) -> None:
    recording = sound(tmp_path / "a.wav")
    recording.with_suffix(".cond.csv").write_text("seconds,force\n0,1\n0.1,3\n0.35,2\n")
    found = read_sidecar(recording, seconds=0.6)
    assert found is not None and found.rate == 100 and found.ranges == {"force": (1.0, 3.0)}
    assert found.values["force"][[0, 5, 10, 35]].tolist() == pytest.approx([1, 2, 3, 2])
    assert len(found.values["force"]) == 36


def test_told_ranges_widen_what_is_there(tmp_path: Path) -> None:
    recording = beside(sound(tmp_path / "a.wav"), norm={"min": [0, 0], "max": [2, 1]})
    found = read_sidecar(recording, seconds=0.6)
    assert found is not None and found.ranges == {"force": (0.0, 3.0), "pan": (0.0, 1.0)}
    assert read_sidecar(tmp_path / "b.wav", seconds=0.6) is None


@pytest.mark.parametrize(
    ("facts", "values", "words"),
    [
        ({"names": ["force"]}, None, r"holds float16 of shape \(30, 2\), wanted numbers \(frames, 1\)"),
        ({"names": ["force", "force"]}, None, "names that differ"),
        ({"names": ["force", "seconds"]}, None, "'seconds' is a column of every manifest"),
        ({"fps": 0}, None, "has fps 0"),
        ({"fps": "fast"}, None, "cannot be read"),
        ({"fps": 75}, None, r"tells of 0\.400 s, its recording is of 0\.600 s"),
        ({}, np.full((30, 2), np.nan), "'force' holds NaN or Inf"),
        ({"norm": {"min": "low"}}, None, "norm is no lists of numbers"),
    ],
)
def test_a_sidecar_that_does_not_fit_is_listed_with_its_reason(
    tmp_path: Path, facts: dict[str, object], values: np.ndarray | None, words: str
) -> None:
    beside(sound(tmp_path / "in" / "a.wav"), values=values, **facts)
    sound(tmp_path / "in" / "b.wav")
    report = prepare(tmp_path / "in", tmp_path / "m.csv", max_bad=0.5)
    assert [row["path"] for row in report.failed] == ["a.wav"]
    with pytest.raises(DataError, match=words):
        read_sidecar(tmp_path / "in" / "a.wav", seconds=0.6)


def test_a_sidecar_of_objects_is_never_unpickled(tmp_path: Path) -> None:
    recording = beside(sound(tmp_path / "a.wav"))
    np.save(recording.with_suffix(".cond.npy"), np.array([[print]], dtype=object), allow_pickle=True)
    with pytest.raises(DataError, match="cannot be read"):
        read_sidecar(recording, seconds=0.6)


def test_a_header_that_claims_more_than_there_is_costs_nothing(tmp_path: Path) -> None:
    recording = beside(sound(tmp_path / "a.wav"))
    array = recording.with_suffix(".cond.npy")
    array.write_bytes(array.read_bytes().replace(b"(30, 2), ", b"(99, 2), "))
    with pytest.raises(DataError, match="cannot be read"):
        read_sidecar(recording, seconds=0.6)


def test_what_is_kept_out_must_move_within_what_is_learnt_from(tmp_path: Path) -> None:
    beside(sound(tmp_path / "in" / "wind" / "a.wav"))
    beside(sound(tmp_path / "out" / "wind" / "b.wav"), values=np.full((30, 2), (3.5, 0.25)))
    choices = PrepareChoices(validation=(tmp_path / "out",))
    with pytest.raises(DataError, match=r"b\.wav has wind\.force=3\.5, wanted 1…3"):
        prepare(tmp_path / "in", tmp_path / "m.csv", choices=choices)
    wide = np.stack([np.linspace(0.5, 3.5, 30), np.full(30, 0.25)], axis=1)
    beside(tmp_path / "out" / "wind" / "b.wav", values=wide)
    with pytest.raises(DataError, match=r"b\.wav: its wind\.force moves within 0\.5…3\.5, wanted 1…3"):
        prepare(tmp_path / "in", tmp_path / "m.csv", choices=choices)
    assert not (tmp_path / "m.csv").exists()


def test_a_value_that_a_model_has_not_heard_is_refused_by_its_path(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text("path,label,force\na.wav,wind,1\nb.wav,wind,3\n")
    schema = Manifest.read(tmp_path / "m.csv").schema()
    (tmp_path / "m.csv").write_text("path,label,force\na.wav,wind,1\nc.wav,wind,4\n")
    with pytest.raises(ParameterError, match=r"c\.wav: wind\.force=4 is outside 1…3"):
        Manifest.read(tmp_path / "m.csv").conditions(schema)


def test_what_moves_in_a_folder_of_textures_goes_with_it_to_another_place(tmp_path: Path) -> None:
    textures(tmp_path / "söunds", clips=4, seconds=0.4, kinds=["rain"], sample_rate=RATE, moving=0.5)
    prepare(tmp_path / "söunds", tmp_path / "else where" / "m.csv", choices=PrepareChoices(hold_out=0.5))
    source, copy = Manifest.read(tmp_path / "söunds"), Manifest.read(tmp_path / "else where" / "m.csv")
    assert copy.schema() == source.schema() and copy.declared() == source.declared()
    assert np.array_equal(copy.values("rate"), source.values("rate"))
    widths: list[float] = []
    for own, other in zip(source.table["path"].to_pylist(), copy.table["path"].to_pylist(), strict=True):
        wanted, found = source.track(own)["rate"], copy.track(other)["rate"]
        assert found[0] == wanted[0] and np.array_equal(found[1], wanted[1])
        widths.append(float(np.ptp(found[1])))
    assert max(widths) > 0


@pytest.mark.parametrize("features", ["specvqgan", "matpac"])
def test_pictures_keep_what_moves_in_their_recordings(tmp_path: Path, features: str) -> None:
    beside(sound(tmp_path / "in" / "wind" / "a.wav"))
    sound(tmp_path / "in" / "wind" / "b.wav")
    drawn = PrepareChoices(features=features, features_to=tmp_path / "pictures")
    prepare(tmp_path / "in", tmp_path / "m.csv", choices=drawn)
    manifest = Manifest.read(tmp_path / "m.csv")
    rows = manifest.table.to_pylist()
    assert [row["path"].endswith(".npy") for row in rows] == [True, True] and "moves" not in rows[0]
    rate, course = manifest.track(rows[0]["path"])["force"]
    assert rate == FPS and (course[0], course[-1]) == (3.0, 1.0) and manifest.track(rows[1]["path"]) == {}
    assert rows[0]["force"] == pytest.approx(2.0, abs=1e-3) and rows[1]["force"] is None
    assert next((p.key, p.low, p.high) for p in manifest.schema().parameters) == ("wind.force", 1.0, 3.0)
