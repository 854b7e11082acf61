"""A corpus on disk is a function of its arguments, and its tables say what is in it."""

import json
from pathlib import Path

import numpy as np
import pyarrow.csv
import pyarrow.parquet
import pytest
import soundfile

from smalti.core import ParameterError
from smalti.data import Manifest
from smalti.data.textures import schema, textures
from smalti.data.textures.plan import orders


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_two_runs_give_equal_bytes_and_another_seed_others(tmp_path: Path) -> None:
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        textures(tmp_path / name, clips=3, seconds=0.4, seed=seed, kinds=["rain", "fm"], moving=0.5)
    assert contents(tmp_path / "a") == contents(tmp_path / "b")
    assert contents(tmp_path / "a")["fm/fm-0001.flac"] != contents(tmp_path / "c")["fm/fm-0001.flac"]
    assert len(contents(tmp_path / "a")) == 6 + 3


def test_a_clip_does_not_depend_on_the_other_kinds(tmp_path: Path) -> None:
    textures(tmp_path / "both", clips=2, seconds=0.3, kinds=["wind", "bees"])
    textures(tmp_path / "one", clips=2, seconds=0.3, kinds=["bees"])
    assert contents(tmp_path / "both")["bees/bees-0001.flac"] == contents(tmp_path / "one")["bees/bees-0001.flac"]


def test_tables_tell_what_was_rendered(tmp_path: Path) -> None:
    report = textures(tmp_path, clips=4, seconds=0.5, kinds=["fm", "rain"], moving=0.25, sample_rate=22_050)
    rows = pyarrow.csv.read_csv(tmp_path / "manifest.csv").to_pylist()
    assert (report.files, report.audio_seconds, report.kinds) == (8, 4.0, ("fm", "rain"))
    assert [row["path"] for row in rows[:2]] == ["fm/fm-0000.flac", "fm/fm-0001.flac"]
    for row in rows:
        info = soundfile.info(str(tmp_path / row["path"]))
        assert (info.frames, info.samplerate, info.channels) == (11_025, row["sample_rate"], row["channels"])
        assert row["seconds"] == 0.5
        assert (row["modulation"] is None) == (row["label"] == "rain")
    assert [rows[i]["modulation"] for i in (0, 1)] == pytest.approx([0.5, 0.5 * 20 ** (1 / 3)])
    schema = json.loads((tmp_path / "schema.json").read_text())
    assert schema["labels"] == ["fm", "rain"]
    assert [(p["label"], p["name"], p["scale"]) for p in schema["parameters"]] == [
        ("fm", "modulation", "log"),
        ("rain", "rate", "log"),
    ]


def test_the_manifest_gives_the_schema_and_the_tracks_back(tmp_path: Path) -> None:
    textures(tmp_path, clips=3, seconds=0.5, kinds=["rain", "pistons", "wind"])
    manifest = Manifest.read(tmp_path)
    found = manifest.schema()
    assert found.labels == ("pistons", "rain", "wind")
    assert {p.key: p for p in found.parameters} == {
        p.key: p for p in schema(["rain", "pistons", "wind"]).parameters if p.name in ("rate", "strength")
    }
    asked = manifest.conditions(found).values[:, 0]
    assert asked[:3, found.parameter_index("rate", "rain")].tolist() == pytest.approx([0.0, 0.5, 1.0], abs=1e-6)
    assert asked[:3, found.parameter_index("rate", "pistons")].isnan().all()
    assert list(manifest.track("wind/wind-0001.flac")) == ["strength"]


def test_tracks_move_in_moving_clips_only_and_their_mean_stands_in_the_manifest(tmp_path: Path) -> None:
    textures(tmp_path, clips=4, seconds=1.0, kinds=["peepers"], moving=0.5)
    rows = {row["path"]: row["pitch"] for row in pyarrow.csv.read_csv(tmp_path / "manifest.csv").to_pylist()}
    tracks = pyarrow.parquet.read_table(tmp_path / "tracks.parquet").to_pylist()
    assert [track["name"] for track in tracks] == ["pitch"] * 4
    assert [float(np.ptp(track["values"])) > 0 for track in tracks] == [False, True, False, True]
    for track in tracks:
        assert (len(track["values"]), track["rate"]) == (100, 100)
        assert np.exp(np.log(track["values"]).mean()) == pytest.approx(rows[track["path"]], rel=1e-5)


def test_estimates_cover_what_varies(tmp_path: Path) -> None:
    report = textures(tmp_path, clips=7, seconds=2.0, kinds=["fm", "bees"], vary=["depth", "wander"])
    assert set(report.estimates) == {"fm.depth", "bees.wander"}
    assert report.estimates["fm.depth"].spearman > 0.95
    assert report.estimates["fm.depth"].unit == "octaves"
    assert report.estimates["fm.depth"].clips == 7
    assert report.failed == ()


def test_grids_are_even_repeat_and_hold_values_out() -> None:
    plan = orders(["pistons"], clips=42, seconds=4.0, vary=None, moving=0.0, seed=0)
    rates = [order.curves["rate"] for order in plan]
    assert rates[:21] == rates[21:]
    assert np.diff(np.log(rates[:21])) == pytest.approx(np.full(20, np.log(16) / 20))
    held = {rate for rate, order in zip(rates, plan, strict=True) if order.split == "test"}
    learnt = {rate for rate, order in zip(rates, plan, strict=True) if order.split == "train"}
    assert len(held) == 4
    assert not held & learnt
    assert len({order.seed for order in plan}) == 42


def test_all_parameters_take_the_whole_grid_when_all_vary() -> None:
    plan = orders(["wind", "engine"], clips=21, seconds=4.0, vary=["all"], moving=0.0, seed=0)
    winds = [order.curves for order in plan if order.texture.name == "wind"]
    assert set(winds[0]) == {"strength", "gustiness", "howl"}
    assert len({curves["howl"] for curves in winds}) == 21
    assert [c["howl"] for c in winds] != sorted(c["howl"] for c in winds)


def test_kinds_without_a_named_parameter_are_left_out() -> None:
    plan = orders(None, clips=2, seconds=4.0, vary=["wind.gustiness"], moving=0.0, seed=0)
    assert {order.texture.name for order in plan} == {"wind"}


def test_names_and_numbers_that_cannot_be_are_refused_and_nothing_is_written(tmp_path: Path) -> None:
    to = tmp_path / "t"
    with pytest.raises(ParameterError, match="did you mean 'gustiness'"):
        textures(to, clips=2, seconds=0.5, vary=["gustines"])
    with pytest.raises(ParameterError, match="does not belong to the chosen kinds"):
        textures(to, clips=2, seconds=0.5, vary=["howl"], kinds=["fm", "rain"])
    with pytest.raises(ParameterError, match="did you mean 'wind'"):
        textures(to, clips=2, seconds=0.5, kinds=["wnd"])
    with pytest.raises(ParameterError, match="clips=0"):
        textures(to, clips=0, seconds=0.5)
    with pytest.raises(ParameterError, match="cannot be rendered"):
        textures(to, clips=2, seconds=0.01)
    assert not to.exists()
