"""Scores of a run's vectors by a manifest's columns: written maps, saved vectors, refused columns."""

from pathlib import Path

import numpy as np
import pytest
import torch

from journey import Journey
from smalti.audio import read
from smalti.core import ParameterError, SpecError
from smalti.data.manifest import Manifest
from smalti.evaluate import LatentSettings
from smalti.systems.hearing import Heard, View
from smalti.systems.latent_scores import score_latents
from smalti.systems.registry import load_encoder

FEW = LatentSettings(seeds=1, vectors=60)


@pytest.fixture
def table(journey: Journey, tmp_path: Path) -> Path:
    """The journey's sounds with a class that is a number, a number that is none, and where each clip comes from."""
    manifest = Manifest.read(journey.sounds)
    rows = [
        {"path": str(path), "label": label, "turn": row % 2, "height": row / 7, "source_id": f"s{row // 2}"}
        for row, (path, label) in enumerate(zip(manifest.paths(), manifest.labels(), strict=True))
    ]
    Manifest.from_rows([*rows, {"path": str(tmp_path / "gone.wav"), "label": "rain"}], tmp_path).write(
        tmp_path / "m.csv"
    )
    return tmp_path / "m.csv"


def test_columns_are_scored_and_drawn_and_the_vectors_are_kept(journey: Journey, table: Path, tmp_path: Path) -> None:
    out, told = tmp_path / "out", list[tuple[int, int]]()
    found = score_latents(
        Heard(journey.alm, view=View(window=4)),
        table,
        by=["label", "turn", "height"],
        to=out,
        settings=FEW,
        progress=lambda *of: told.append(of),
    )
    assert found["files"] == 12 and [Path(one["path"]).name for one in found["failed"]] == ["gone.wav"]
    assert (found["hop"], found["dim"], found["frames"], found["group"]) == (4 * 320, 5, 60, "source_id")
    assert found["columns"].keys() == {"label", "turn"}
    score = found["columns"]["turn"]
    assert score["classes"] == 2 and score["left_out"] == [] and score["recordings"]["vectors"] == 12
    assert len(score["frames"]["encoder"]["linear"]["accuracy"]) == 3
    assert 0 <= score["frames"]["log_mel"]["forest"]["precision"][0] <= 1
    assert told[-1] == (17, 17) and told == sorted(told)
    names = {f"{name}-{level}.png" for name in ("label", "turn", "height") for level in ("frames", "recordings")}
    assert {Path(path).name for path in found["maps"]} == names
    assert {path.name for path in out.iterdir()} == names | {"vectors.npz"}
    with np.load(out / "vectors.npz", allow_pickle=False) as saved:
        assert saved["column_label"].tolist() == Manifest.read(journey.sounds).labels()
        assert saved["column_height"].dtype == np.float64 and saved["recordings"].shape == (12, 10)
        row = int(saved["frame_recording"][-1])
        encoder = load_encoder(Heard(journey.alm, view=View(window=4)))
        heard = encoder.embed(read(saved["path"][row], sample_rate=encoder.sample_rate)).frames[0]
        place = round(float(saved["frame_seconds"][-1]) * 24000 / 1280)
        torch.testing.assert_close(torch.from_numpy(saved["frames"][-1]), heard[place], rtol=0, atol=1e-4)


def test_without_a_folder_nothing_is_written_and_the_seed_decides(journey: Journey, table: Path) -> None:
    before = sorted(table.parent.iterdir())
    first, again = (score_latents(journey.alm, table, settings=FEW) for _ in range(2))
    assert first["columns"] == again["columns"] and first["maps"] == [] and sorted(table.parent.iterdir()) == before


def test_of_more_recordings_than_are_asked_for_every_class_gives_as_many(journey: Journey, tmp_path: Path) -> None:
    sounds = Manifest.read(journey.sounds)
    rows = [{"path": str(path), "label": label} for path, label in zip(sounds.paths(), sounds.labels(), strict=True)]
    some = [row for row in rows if row["label"] == "pistons"] + [row for row in rows if row["label"] == "rain"][:2]
    Manifest.from_rows(some, tmp_path).write(tmp_path / "m.csv")
    few = LatentSettings(seeds=1, vectors=4)
    found = score_latents("log-mel", tmp_path / "m.csv", to=tmp_path / "out", settings=few)
    assert found["files"] == found["frames"] == 4 and found["columns"]["label"]["frames"]["vectors"] == 4
    with np.load(tmp_path / "out" / "vectors.npz", allow_pickle=False) as saved:
        assert sorted(saved["column_label"]) == ["pistons", "pistons", "rain", "rain"]


def test_what_cannot_be_asked_is_refused_before_anything_is_heard(journey: Journey, table: Path) -> None:
    with pytest.raises(ParameterError, match="did you mean 'label'"):
        score_latents(journey.alm, table, by=["lable"])
    with pytest.raises(ParameterError, match="'height' holds numbers, wanted classes; give --to"):
        score_latents(journey.alm, table, by=["height"])
    with pytest.raises(ParameterError, match="'soruce_id' is unknown; did you mean 'source_id'"):
        score_latents(journey.alm, table, group="soruce_id")
    told: list[tuple[int, int]] = []
    with pytest.raises(ParameterError, match=r"'label' has 2 classes, 0 of them .* split all"):
        score_latents(journey.alm, table, group="label", progress=lambda *of: told.append(of))
    assert not told
    with pytest.raises(SpecError, match="a codec, wanted an encoder"):
        score_latents(journey.codec, table)
    with pytest.raises(SpecError, match="a language model, wanted"):
        load_encoder(journey.gpt)
