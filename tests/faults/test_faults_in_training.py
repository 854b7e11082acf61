"""Group F of the reliability contract, what can happen to a run: killed, asked to end, damaged."""

from types import SimpleNamespace

import pytest

from faults.proofs import checkpoints, resuming
from journey import TINY_CODEC
from learners import LEARNERS
from smalti.systems.training import train
from smalti.systems.transcoding import encode


@pytest.fixture(scope="module")
def given(sounds, tmp_path_factory):
    """Sounds, and tokens of a codec that learnt nothing."""
    folder = tmp_path_factory.mktemp("given")
    train("melvqvae/textures", data=sounds, out=folder / "codec", overrides=TINY_CODEC, progress=False)
    encode(folder / "codec", data=sounds, to=folder / "tokens", shifts=2)
    return SimpleNamespace(sounds=sounds, tokens=folder / "tokens")


@pytest.fixture
def command(given, request):
    """Starts the training of a learner as a process."""
    preset, overrides, data, _ = LEARNERS[request.param]
    brief = [*overrides, "train.steps=24", "cadence.checkpoint=5", "cadence.log=1", "cadence.evaluate=12"]

    def start(run, again):
        resume = ["--resume"] if again else []
        return resuming.commanded("train", preset, "--data", data(given), "--out", run, *resume, *brief)

    return start


@pytest.mark.faults
@pytest.mark.row("F1")
@pytest.mark.parametrize("command", LEARNERS, indirect=True)
def test_a_training_killed_at_20_random_moments_ends_with_the_same_bytes(command, tmp_path, request):
    resuming.prove_f1(command, tmp_path, seed=len(request.node.callspec.id))


@pytest.mark.row("F1")
def test_a_killed_run_resumes_to_the_same_bytes(tmp_path):
    resuming.prove_tiny_f1(tmp_path)


@pytest.mark.row("F2")
@pytest.mark.parametrize(
    ("kills", "stride"), [(22, 3), pytest.param(200, 1, marks=pytest.mark.faults)], ids=["every third", "every"]
)
def test_a_save_killed_at_any_moment_leaves_a_checkpoint_that_loads(tmp_path, kills, stride):
    checkpoints.prove_f2(tmp_path, kills=kills, stride=stride)


@pytest.mark.row("F6")
def test_a_damaged_checkpoint_is_never_believed(tmp_path):
    checkpoints.prove_f6(tmp_path)


@pytest.mark.row("F10")
def test_a_run_asked_to_end_saves_itself_first(tmp_path):
    resuming.prove_tiny_f10(tmp_path)


@pytest.mark.row("F10")
def test_a_second_ctrl_c_ends_at_once(tmp_path):
    resuming.prove_second_ctrl_c(tmp_path)


@pytest.mark.faults
@pytest.mark.row("F10")
@pytest.mark.parametrize("command", ["melgpt", "vocoder"], indirect=True)
def test_the_command_train_asked_to_end_saves_itself_first(command, tmp_path):
    kept = ("weights.safetensors", "metrics.jsonl")
    resuming.prove_f10(command, tmp_path, kept=kept, begun="checkpoints/step-00000005/SHA256SUMS")
