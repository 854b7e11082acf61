"""Proofs: whatever kills a run or a store, at any moment, what is resumed ends as if nothing had happened."""

import logging
import random
import sys
import time
from functools import partial
from pathlib import Path

import pyarrow as pa
import pytest
import torch

from faults import tiny_recipe
from faults.damage import cuts, files_of, flips, replaced, temps_of
from faults.kills import dies, ended, forked, prove_resume
from smalti.core import StoreError, Tokens, TokenSpec
from smalti.store import clean_temps, read_smt, save_latest, verify, write_smt, write_store

TESTS = Path(__file__).parents[1]
SPEC = TokenSpec(sample_rate=8000, hop=3, codebooks=2, vocab=1000, tokenizer="a" * 64)


def tiny(run, *options):
    return [sys.executable, "-m", "faults.tiny_recipe", str(run), *options]


@pytest.fixture(autouse=True)
def _tests_can_be_imported(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(TESTS))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


@pytest.mark.faults
def test_a_command_killed_at_a_random_moment_resumes_to_the_same_bytes(tmp_path):
    (tmp_path / "slow").touch()
    proof = prove_resume(tiny, tmp_path, kills=10, seed=1)
    assert proof.equal == proof.kills and proof.stray == (), proof


def state_of(step):
    generator = torch.Generator().manual_seed(step)
    return {"model": {"w": torch.randn(50, generator=generator)}, "optimiser": {0: torch.randn(9, generator=generator)}}


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
