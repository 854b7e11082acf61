"""Proofs: whatever kills a run or a store, at any moment, what is resumed ends as if nothing had happened."""

import logging
import os
import random
import shutil
import signal
import sys
import time
from functools import partial
from pathlib import Path

import pyarrow as pa
import pytest
import torch

from faults import tiny_recipe
from faults.damage import cuts, files_of, flips, replaced, temps_of
from faults.kills import dies, ended, forked, prove_resume, prove_resume_of
from smalti.core import StoreError, Tokens, TokenSpec
from smalti.store import clean_temps, load_latest, read_smt, save_latest, verify, write_smt, write_store
from smalti.train.interrupts import interrupts

TESTS = Path(__file__).parents[1]
SPEC = TokenSpec(sample_rate=8000, hop=3, codebooks=2, vocab=1000, tokenizer="a" * 64)


def tiny(run, *options):
    return [sys.executable, "-m", "faults.tiny_recipe", str(run), *options]


@pytest.fixture(autouse=True)
def _tests_can_be_imported(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(TESTS))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


def test_a_run_killed_at_a_random_moment_resumes_to_the_same_bytes(tmp_path):
    (tmp_path / "slow").touch()

    def start(run, again):
        return forked(lambda: tiny_recipe.main(str(run), *(["--resume"] if again else [])))

    proof = prove_resume_of(start, tmp_path, kills=4, seed=0)
    assert proof.equal == proof.kills and proof.stray == (), proof


@pytest.mark.faults
def test_a_command_killed_at_a_random_moment_resumes_to_the_same_bytes(tmp_path):
    (tmp_path / "slow").touch()
    proof = prove_resume(tiny, tmp_path, kills=10, seed=1)
    assert proof.equal == proof.kills and proof.stray == (), proof


def state_of(step):
    generator = torch.Generator().manual_seed(step)
    return {"model": {"w": torch.randn(50, generator=generator)}, "optimiser": {0: torch.randn(9, generator=generator)}}


def weight_of(step):
    return state_of(step)["model"]["w"]


def damage_of_a_kill(run: Path, number: int) -> tuple[bool, list[str]]:
    """Save the fourth checkpoint of a run, killed at a moment; whether it died, and what is wrong afterwards."""
    for step in (1, 2, 3):
        save_latest(run, step, state_of(step))
    died = dies(lambda: save_latest(run, 4, state_of(4)), number)
    problems = []
    for folder in (run, run / "checkpoints"):
        clean_temps(folder)
    problems += [f"stray {path.name}" for path in temps_of(run)]
    found = load_latest(run)
    if (
        found is None
        or found.step not in (3, 4)
        or not torch.equal(found.state["model"]["w"], state_of(found.step)["model"]["w"])
    ):
        problems.append(f"latest is {found}")
    save_latest(run, 4, state_of(4))
    whole = {name for name in files_of(run) if name != "latest"}
    if {Path(name).parts[1] for name in whole} != {"step-00000002", "step-00000003", "step-00000004"}:
        problems.append(f"left {sorted(whole)}")
    return died, problems


@pytest.mark.parametrize("stride", [3, pytest.param(1, marks=pytest.mark.faults)])
def test_a_save_killed_at_every_moment_there_is_leaves_a_checkpoint_that_loads(tmp_path, stride):
    number = 0
    while True:
        died, problems = damage_of_a_kill(tmp_path / str(number), number)
        assert problems == [], f"moment {number}: {problems}"
        if not died:
            break
        number += stride
    assert number > 60


@pytest.mark.faults
def test_100_kills_at_random_moments_of_a_save_leave_a_checkpoint_that_loads(tmp_path):
    generator, kills = random.Random(0), 0
    while kills < 100:
        died, problems = damage_of_a_kill(tmp_path / "run", generator.randrange(68))
        assert problems == []
        kills += died
        shutil.rmtree(tmp_path / "run")


def test_a_store_killed_at_every_moment_continues_to_the_same_bytes(tmp_path):
    clips = pa.table({"path": [f"c{i}" for i in range(5)], "samples": [7, 3, 9, 1, 4]})

    def encode(rows):
        made = [torch.full((2, SPEC.frames(clips["samples"][row].as_py())), row) for row in rows]
        return ["cut" if row == 3 else codes for row, codes in zip(rows, made, strict=True)]

    def write(folder):
        return write_store(folder, SPEC, clips, encode, shard_clips=2)

    write(tmp_path / "whole")
    wanted, number, turns = files_of(tmp_path / "whole"), 0, 0
    while dies(partial(write, tmp_path / str(number)), number):
        clean_temps(tmp_path / str(number))
        assert temps_of(tmp_path / str(number)) == []
        write(tmp_path / str(number))
        assert files_of(tmp_path / str(number)) == wanted, f"moment {number}"
        number, turns = number + 4, turns + 1
    assert turns > 10


def test_a_store_killed_again_and_again_at_random_moments_loses_and_repeats_nothing(tmp_path):
    count = 60
    clips = pa.table({"path": [f"c{i:03d}" for i in range(count)], "samples": [3 * i for i in range(count)]})
    generator = random.Random(0)

    def write(folder):
        encode = lambda rows: [torch.full((2, row), row) for row in rows]  # noqa: E731
        return write_store(folder, SPEC, clips, encode, shard_clips=3)

    write(tmp_path / "whole")
    kills = sum(dies(lambda: write(tmp_path / "s"), generator.randrange(60)) for _ in range(20))
    write(tmp_path / "s")
    assert kills >= 15 and files_of(tmp_path / "s") == files_of(tmp_path / "whole") and verify(tmp_path / "s") == []


def test_a_token_file_killed_at_every_moment_is_whole_or_not_there(tmp_path):
    clip = Tokens(torch.randint(0, 1000, (1, 2, 2000)), SPEC, torch.tensor([6000]))
    path, number = tmp_path / "a.smt", 0
    while dies(lambda: write_smt(path, clip), number):
        assert not path.exists() or torch.equal(read_smt(path).codes, clip.codes)
        path.unlink(missing_ok=True)
        number += 1
    clean_temps(tmp_path)
    assert number > 12 and files_of(tmp_path).keys() == {"a.smt"}


def test_200_flips_and_20_cuts_of_checkpoint_store_and_token_file_are_all_detected(tmp_path, caplog):
    caplog.set_level(logging.CRITICAL)
    clips = pa.table({"path": ["a", "b"], "samples": [3000, 900]})
    save_latest(tmp_path / "run", 1, state_of(1))
    (tmp_path / "run" / "config.toml").touch()
    write_store(
        tmp_path / "store", SPEC, clips, lambda rows: [torch.ones(2, n, dtype=torch.int64) for n in (1000, 300)]
    )
    write_smt(tmp_path / "a.smt", Tokens(torch.ones(1, 2, 1000, dtype=torch.int64), SPEC, torch.tensor([3000])))
    generator = random.Random(5)
    for root in (tmp_path / "run" / "checkpoints", tmp_path / "store", tmp_path / "a.smt"):
        target = tmp_path / "run" if root.name == "checkpoints" else root
        files = [root] if root.is_file() else sorted(path for path in root.rglob("*") if path.is_file())
        assert verify(target) == []
        missed = []
        for turn in range(220):
            path = generator.choices(files, [file.stat().st_size for file in files])[0]
            bad = next((flips if turn < 200 else cuts)(path.read_bytes(), count=4, seed=turn))
            with replaced(path, bad):
                missed += [] if verify(target) else [path]
        assert missed == []


def logged(run: Path) -> bool:
    return (run / "metrics.jsonl").exists()


def test_two_processes_do_not_train_in_one_folder(tmp_path):
    (tmp_path / "slow").touch()
    run = tmp_path / "run"
    first = forked(lambda: tiny_recipe.main(str(run)))
    while not logged(run):
        time.sleep(0.01)
    with pytest.raises(StoreError, match=f"in use by process {first} "):
        tiny_recipe.main(str(run), "--resume")
    assert ended(first) == 0 and verify(run) == []


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_ends_a_run_after_a_checkpoint_and_the_rest_is_the_same(tmp_path, number, code):
    run, whole = tmp_path / "run", tmp_path / "whole"
    tiny_recipe.main(str(whole))
    (tmp_path / "slow").touch()
    child = forked(lambda: tiny_recipe.main(str(run)))
    while not logged(run):
        time.sleep(0.01)
    os.kill(child, number)
    assert ended(child) == code
    found = load_latest(run)
    assert found is not None and found.step < tiny_recipe.STEPS
    tiny_recipe.main(str(run), "--resume")
    for name in ("weights.safetensors", "metrics.jsonl"):
        assert (run / name).read_bytes() == (whole / name).read_bytes()


def test_a_second_ctrl_c_ends_at_once(tmp_path):
    def stubborn():
        with interrupts() as stop:
            (tmp_path / "ready").touch()
            while not stop.code:
                time.sleep(0.01)
            (tmp_path / "asked").touch()
            time.sleep(60)

    child = forked(stubborn)
    for name in ("ready", "asked"):
        while not (tmp_path / name).exists():
            time.sleep(0.01)
        os.kill(child, signal.SIGINT)
    assert ended(child) == 1  # by KeyboardInterrupt; 0 would be the end of its sleep
