"""Group F of the reliability contract, what can happen to a disk: full, or damaged."""

from functools import partial

import pytest

from faults.proofs import disks, vectors
from faults.proofs.clips import some_sounds
from journey import TINY_ALM, TINY_KMEANS
from smalti.cli import run


@pytest.fixture(scope="module")
def codec(sounds, tmp_path_factory):
    """A codec that can be exported."""
    folder = tmp_path_factory.mktemp("codec") / "run"
    assert run(["train", "almtokenizer/tiny", "--data", str(sounds), "--out", str(folder), *TINY_ALM]) == 0
    return folder


def _encode(sounds, target):
    return ["encode", "mulaw", "--data", sounds, "--to", target]


def _train(sounds, target):
    brief = [*TINY_KMEANS, "train.steps=2", "cadence.checkpoint=1", "cadence.evaluate=2"]
    return ["train", "kmeans", "--data", sounds, "--out", target, *brief]


@pytest.mark.row("F5")
@pytest.mark.parametrize("stride", [5, pytest.param(1, marks=pytest.mark.faults)])
def test_a_disk_that_fills_while_tokenising_is_told_at_every_write(sounds, tmp_path, stride):
    disks.prove_f5(partial(_encode, sounds), tmp_path, stride=stride)


@pytest.mark.faults
@pytest.mark.row("F5")
def test_a_disk_that_fills_while_training_is_told_at_every_write(sounds, tmp_path):
    command = partial(_train, sounds)
    disks.prove_f5(command, tmp_path, again=["--resume"], finds=disks.a_checkpoint_loads)


@pytest.mark.faults
@pytest.mark.row("F5")
def test_a_disk_that_fills_while_exporting_is_told_at_every_write(codec, tmp_path):
    disks.prove_f5(lambda target: ["export", codec, "--to", target], tmp_path)


@pytest.mark.faults
@pytest.mark.row("F5")
@pytest.mark.parametrize("suffix", ["smt", "dac"])
def test_a_disk_that_fills_while_one_recording_is_tokenised_is_told_at_every_write(sounds, journey, tmp_path, suffix):
    clip, codec = next(sounds.rglob("*.flac")), journey.dac if suffix == "dac" else "mulaw"
    disks.prove_f5(lambda target: ["encode", codec, clip, "--to", target], tmp_path, suffix=f".{suffix}")


@pytest.mark.row("F5")
@pytest.mark.parametrize("stride", [19, pytest.param(1, marks=pytest.mark.faults)])
@pytest.mark.parametrize("suffix", [".npz", ".parquet"])
def test_a_disk_that_fills_while_vectors_are_saved_is_told_at_every_write(tmp_path, suffix, stride):
    sounds = some_sounds(tmp_path / "sounds", [0.1] * 5)
    words = ["embed", "log-mel", "--data", sounds, "--pool", "none", "--to"]
    (tmp_path / "out").mkdir()
    with vectors.small_parts():
        disks.prove_f5(lambda target: [*words, target], tmp_path / "out", suffix=suffix, stride=stride)


@pytest.mark.row("F5")
def test_a_limit_on_the_size_of_files_is_told_as_a_full_disk(sounds, tmp_path):
    disks.prove_f5_sizes(partial(_encode, sounds), tmp_path, sizes=[0, 2000])
    tokens = tmp_path / "a.smt"
    assert run(["encode", "mulaw", str(next(sounds.rglob("*.flac"))), "--to", str(tokens)]) == 0
    table = ["embed", "log-mel", "--data", sounds, "--to"]
    disks.prove_f5_sizes(lambda target: [*table, f"{target}.npz"], tmp_path, sizes=[0, 5000])
    disks.prove_f5_sizes(lambda target: ["decode", "mulaw", tokens, "--to", f"{target}.wav"], tmp_path, sizes=[0, 5000])


@pytest.mark.row("F5")
def test_a_result_that_cannot_be_printed_is_told(sounds, tmp_path):
    assert run([str(word) for word in _encode(sounds, tmp_path / "store")]) == 0
    disks.prove_f5_stdout("verify", tmp_path / "store")


@pytest.mark.row("F7")
@pytest.mark.parametrize("changes", [20, pytest.param(200, marks=pytest.mark.faults)])
def test_a_damaged_store_is_noticed_read_around_and_mended(sounds, tmp_path, changes):
    disks.prove_f7(sounds, tmp_path, changes=changes)
