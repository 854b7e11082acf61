"""Laws of the loop: same seed, same bytes; every step once; what is not finite changes nothing and is never kept."""

import json
import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from faults.damage import files_of, temps_of
from faults.tiny_recipe import CADENCE, STEPS, TinyRecipe
from faults.writes import full_at
from smalti.core import ConfigError, DataError, StoreError
from smalti.store import load_latest, load_weights, verify
from smalti.train import Cadence, EndsEarly, Engine, EngineSettings, NamesClips, Recipe, RunFolder, ShowsSamples, fit

TESTS = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def engine():
    return Engine(EngineSettings(accelerator="cpu", precision="32"))


def train(folder, engine, *, resume=False, steps=STEPS, cadence=CADENCE, **kwargs):
    run = RunFolder.start(folder, "seed = 3\n", resume=resume)
    recipe = TinyRecipe(engine, steps=steps, **kwargs)
    report = fit(recipe, steps=steps, run=run, engine=engine, seed=3, cadence=cadence, resume=resume, progress=False)
    return recipe, report


def log_of(folder):
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def test_the_tiny_recipe_can_all_that_a_recipe_can(engine):
    recipe = TinyRecipe(engine)
    assert isinstance(recipe, Recipe) and isinstance(recipe, ShowsSamples) and isinstance(recipe, NamesClips)


def test_the_same_seed_gives_the_same_bytes_and_a_run_has_all_its_parts(tmp_path, engine):
    (_, report), _ = (train(tmp_path / name, engine) for name in "ab")
    first, second = files_of(tmp_path / "a"), files_of(tmp_path / "b")
    events = [name for name in first if name.startswith("events/")]
    assert {n: d for n, d in first.items() if n not in events} == {
        n: d for n, d in second.items() if not n.startswith("events/")
    }
    assert len(events) == 1 and {"config.toml", "weights.safetensors", "metrics.jsonl", "latest"} <= first.keys()
    assert "samples/noise-original.wav" in first and temps_of(tmp_path) == []
    assert (report.run, report.steps, dict(report.metrics)) == (
        tmp_path / "a",
        STEPS,
        {"loss": log_of(report.run)[-1]["loss"]},
    )
    assert verify(tmp_path / "a") == [] and load_weights(tmp_path / "a" / "weights.safetensors").metadata == {
        "system": "tiny"
    }


def test_every_step_is_logged_once_and_evaluated_when_due(tmp_path, engine):
    train(tmp_path / "a", engine)
    log = log_of(tmp_path / "a")
    assert [entry["step"] for entry in log if entry["kind"] == "train"] == list(range(1, STEPS + 1))
    assert [entry["step"] for entry in log if entry["kind"] == "evaluate"] == [12, 24, 30]


def test_it_learns(tmp_path, engine):
    _, report = train(tmp_path / "a", engine, steps=300, cadence=Cadence(log=300, evaluate=300, checkpoint=300))
    with torch.no_grad():
        before = TinyRecipe(engine).evaluate()["loss"]
    assert report.metrics["loss"] < 0.5 * before


@pytest.mark.parametrize("stop", [1, 4, 17, 29])
def test_a_run_that_breaks_at_any_step_resumes_to_the_same_bytes(tmp_path, engine, stop, monkeypatch):
    train(tmp_path / "whole", engine)
    with monkeypatch.context() as broken:
        step = TinyRecipe.step
        broken.setattr(TinyRecipe, "step", lambda s, b, n: step(s, b, n) if n < stop else 1 / 0)
        with pytest.raises(ZeroDivisionError):
            train(tmp_path / "a", engine)
    recipe, _ = train(tmp_path / "a", engine, resume=True)
    assert recipe.seen == list(range(stop // 4 * 4, STEPS))
    for name in ("weights.safetensors", "metrics.jsonl"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


def test_a_finished_run_is_resumed_without_a_step_and_without_a_change(tmp_path, engine):
    _, first = train(tmp_path / "a", engine)
    before = {n: d for n, d in files_of(tmp_path / "a").items() if not n.startswith("events/")}
    recipe, second = train(tmp_path / "a", engine, resume=True)
    after = {n: d for n, d in files_of(tmp_path / "a").items() if not n.startswith("events/")}
    assert recipe.seen == [] and before == after and dict(first.metrics) == dict(second.metrics)


def test_resuming_nothing_begins(tmp_path, engine):
    recipe, _ = train(tmp_path / "a", engine, resume=True)
    assert recipe.seen == list(range(STEPS))


def test_a_damaged_checkpoint_costs_some_steps_and_nothing_else(tmp_path, engine, caplog):
    train(tmp_path / "a", engine)
    before = (tmp_path / "a" / "weights.safetensors").read_bytes()
    (tmp_path / "a" / "checkpoints" / "step-00000030" / "model.safetensors").write_bytes(b"")
    with caplog.at_level(logging.WARNING):
        recipe, _ = train(tmp_path / "a", engine, resume=True)
    assert recipe.seen == [28, 29] and "falling back to step-00000028" in caplog.text
    assert (tmp_path / "a" / "weights.safetensors").read_bytes() == before
    assert [e["step"] for e in log_of(tmp_path / "a") if e["kind"] == "train"] == list(range(1, STEPS + 1))


def test_a_loss_that_is_not_finite_changes_nothing_and_names_its_clip(tmp_path, engine, caplog):
    with caplog.at_level(logging.WARNING):
        train(tmp_path / "a", engine, bad=(5, 6))
    assert "step 6: the loss is not finite, its update is skipped; clips: clip5.wav" in caplog.text
    assert [e["loss"] for e in log_of(tmp_path / "a") if e["step"] in (6, 7)] == [None, None]
    found = load_latest(tmp_path / "a")
    assert all(torch.isfinite(value).all() for value in found.state["model"].values())


def test_three_in_a_row_stop_the_run_naming_steps_and_clips_even_across_a_resume(tmp_path, engine):
    with pytest.raises(DataError, match=r"not finite at steps 8, 9, 10; clips: clip9\.wav"):
        train(tmp_path / "a", engine, bad=(7, 8, 9))
    with pytest.raises(DataError, match=r"not finite at steps 8, 9, 10"):
        train(tmp_path / "a", engine, bad=(7, 8, 9), resume=True)
    assert load_latest(tmp_path / "a").step == 8


def test_weights_that_are_not_finite_are_never_saved(tmp_path, engine, monkeypatch):
    monkeypatch.setattr(TinyRecipe, "state_dict", lambda self: {"model": {"w": torch.tensor([float("nan")])}})
    with pytest.raises(StoreError, match="model/w holds NaN"):
        train(tmp_path / "a", engine)
    assert load_latest(tmp_path / "a") is None


def test_a_run_is_not_overwritten_and_not_resumed_with_other_settings(tmp_path, engine, caplog):
    train(tmp_path / "a", engine)
    before = files_of(tmp_path / "a")
    with pytest.raises(StoreError, match="holds a run already; add --resume"):
        RunFolder.start(tmp_path / "a", "seed = 3\n")
    with pytest.raises(ConfigError, match=r"other settings \(model\.width, seed\)"):
        RunFolder.start(tmp_path / "a", "seed = 4\n[model]\nwidth = 3\n", resume=True)
    with caplog.at_level(logging.WARNING):
        RunFolder.start(tmp_path / "a", "seed = 3\n[engine]\nthreads = 2\n", resume=True, harmless=["engine.threads"])
    assert "engine.threads" in caplog.text and files_of(tmp_path / "a") == before


def test_a_run_of_a_version_that_lacked_a_setting_goes_on_if_its_default_is_asked_for(tmp_path, engine):
    train(tmp_path / "a", engine)
    asked = "seed = 3\nwidth = 8\n"
    with pytest.raises(ConfigError, match=r"other settings \(width\)"):
        RunFolder.start(tmp_path / "a", asked, resume=True)
    RunFolder.start(tmp_path / "a", asked, resume=True, resolved=lambda before: before + "width = 8\n")
    with pytest.raises(ConfigError, match=r"other settings \(width\)"):
        RunFolder.start(tmp_path / "a", asked, resume=True, resolved=lambda before: before + "width = 9\n")


def test_another_thread_count_is_one_warning(tmp_path, engine, caplog, monkeypatch):
    train(tmp_path / "a", engine)
    monkeypatch.setattr(Engine, "threads", 7)
    with caplog.at_level(logging.WARNING):
        train(tmp_path / "a", engine, resume=True)
    assert [record.getMessage() for record in caplog.records] == [
        "resuming under other conditions (threads 1 → 7); the result may differ in the last bits"
    ]


@pytest.mark.parametrize("make", [lambda path: path.mkdir() or (path / "x").touch(), lambda path: path.touch()])
def test_a_folder_of_something_else_is_refused_and_left_alone(tmp_path, make):
    make(tmp_path / "a")
    with pytest.raises(StoreError, match="something else than a run"):
        RunFolder.start(tmp_path / "a", "")
    with pytest.raises(StoreError, match=r"no run folder, it has no config\.toml"):
        RunFolder.open(tmp_path / "a")
    assert not (tmp_path / "a" / "config.toml").exists()


def test_a_half_line_in_the_log_is_cut_on_resume(tmp_path, engine):
    train(tmp_path / "a", engine)
    path = tmp_path / "a" / "metrics.jsonl"
    before = path.read_bytes()
    path.write_bytes(before + b'{"step": 31, "kind": "train"}\n{"step": 3')
    train(tmp_path / "a", engine, resume=True)
    assert path.read_bytes() == before


@pytest.mark.parametrize("number", [0, 3, 20, 60, 100])
def test_a_disk_that_fills_while_training_is_told_and_the_run_goes_on_afterwards(tmp_path, engine, number):
    train(tmp_path / "whole", engine)
    with full_at(number), pytest.raises(StoreError, match="no space left"):
        train(tmp_path / "a", engine)
    assert temps_of(tmp_path) == []
    train(tmp_path / "a", engine, resume=True)
    for name in ("weights.safetensors", "metrics.jsonl"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


def test_bf16_where_the_hardware_has_it_is_as_repeatable(tmp_path):
    engine = Engine(EngineSettings(accelerator="cpu", precision="bf16"))
    for name in "ab":
        train(tmp_path / name, engine)
    weights = [(tmp_path / name / "weights.safetensors").read_bytes() for name in "ab"]
    assert weights[0] == weights[1]
    assert Engine(EngineSettings(accelerator="cpu")).precision in ("32", "bf16")


@pytest.mark.slow
def test_two_processes_train_one_model_on_halves_of_each_batch(tmp_path, engine):
    environment = {**os.environ, "PYTHONPATH": str(TESTS), "OMP_NUM_THREADS": "1"}
    for name in "ab":
        command = [sys.executable, "-m", "faults.tiny_recipe", str(tmp_path / name), "--devices=2"]
        subprocess.run(command, check=True, env=environment, stderr=subprocess.DEVNULL, timeout=300)
    first, second = (load_weights(tmp_path / name / "weights.safetensors").tensors for name in "ab")
    assert all(torch.equal(first[name], second[name]) for name in first)
    train(tmp_path / "one", engine)
    alone = load_weights(tmp_path / "one" / "weights.safetensors").tensors
    assert all(alone[name].shape == first[name].shape and not torch.equal(alone[name], first[name]) for name in alone)
    assert [entry["step"] for entry in log_of(tmp_path / "a") if entry["kind"] == "train"] == list(range(1, STEPS + 1))


def test_a_recipe_that_has_ended_stops_after_the_evaluation_that_says_so_and_is_saved(tmp_path, engine):
    class Ending(TinyRecipe):
        """Ends at its second evaluation."""

        evaluations = 0

        def evaluate(self):
            self.evaluations += 1
            return super().evaluate()

        @property
        def ended(self):
            return self.evaluations >= 2

    run, recipe = RunFolder.start(tmp_path / "run", "seed = 3\n"), Ending(engine)
    assert isinstance(recipe, EndsEarly)
    cadence = Cadence(log=1, evaluate=2, checkpoint=100)
    report = fit(recipe, steps=STEPS, run=run, engine=engine, seed=3, cadence=cadence, progress=False)
    assert report.steps == 4 < STEPS and recipe.evaluations == 2
    checkpoint = load_latest(run.path)
    assert checkpoint is not None and checkpoint.step == 4 and run.weights_path.is_file()
