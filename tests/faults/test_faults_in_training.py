"""Group F of the reliability contract, what can happen to a run: killed, asked to end, damaged."""

import math
from types import SimpleNamespace

import pytest
import torch

from faults.proofs import changed, checkpoints, memory, not_finite, resuming, vectors
from journey import TINY_CODEC
from learners import LEARNERS
from smalti.config import load_settings
from smalti.systems import SYSTEMS
from smalti.systems.registry import find_preset
from smalti.systems.training import train
from smalti.systems.transcoding import encode
from smalti.train import Engine


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
    brief = [*overrides, "train.steps=16", "cadence.checkpoint=5", "cadence.log=1", "cadence.evaluate=8"]

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
def test_a_store_asked_to_end_goes_on_to_the_same_bytes(tmp_path):
    resuming.prove_f10_tokens(tmp_path)


@pytest.mark.row("F10")
def test_a_table_of_vectors_asked_to_end_goes_on_to_the_same_bytes(tmp_path):
    vectors.prove_f10_vectors(tmp_path)


@pytest.mark.row("F10")
def test_a_second_ctrl_c_ends_at_once(tmp_path):
    resuming.prove_second_ctrl_c(tmp_path)


@pytest.mark.faults
@pytest.mark.row("F10")
@pytest.mark.parametrize("command", ["melgpt", "vocoder"], indirect=True)
def test_the_command_train_asked_to_end_saves_itself_first(command, tmp_path):
    kept = ("weights.safetensors", "metrics.jsonl")
    resuming.prove_f10(command, tmp_path, kept=kept, begun="checkpoints/step-00000005/SHA256SUMS")


@pytest.mark.row("F9")
def test_a_loss_that_is_not_finite_changes_nothing(tmp_path):
    not_finite.prove_tiny_f9(tmp_path)


@pytest.mark.faults
@pytest.mark.row("F9")
@pytest.mark.parametrize("value", [math.nan, math.inf])
@pytest.mark.parametrize("name", [name for name in LEARNERS if name != "kmeans"])  # it has no loss and no network
def test_no_system_learns_from_a_loss_that_is_not_finite(name, value, given, tmp_path):
    preset, overrides, data, _ = LEARNERS[name]
    system, file = find_preset(preset)
    learning = SYSTEMS[system].learning
    settings = load_settings(learning.settings(), file, [*overrides, "train.steps=8"])
    engine = Engine(settings.engine).launch()
    torch.manual_seed(0)
    not_finite.prove_f9(learning.recipe(settings, data(given), engine), tmp_path / "run", engine=engine, value=value)


@pytest.mark.faults
@pytest.mark.row("F11")
def test_a_batch_that_does_not_fit_is_told_with_one_that_does(tmp_path):
    memory.prove_f11(tmp_path)


@pytest.mark.faults
@pytest.mark.row("F11")
def test_a_recording_that_does_not_fit_is_named(tmp_path):
    memory.prove_f11_encode(tmp_path)


@pytest.mark.row("F11")
def test_a_reader_that_dies_ends_the_command(tmp_path):
    memory.prove_f11_reader(tmp_path)


@pytest.mark.row("F12")
def test_a_run_goes_on_only_as_it_was_begun(tmp_path):
    changed.prove_f12(tmp_path)


@pytest.mark.row("F12")
@pytest.mark.parametrize("name", LEARNERS)
def test_no_setting_of_any_system_can_be_changed_unnoticed(name, tmp_path):
    preset, overrides, *_ = LEARNERS[name]
    system, file = find_preset(preset)
    changed.prove_f12_settings(load_settings(SYSTEMS[system].learning.settings(), file, overrides), tmp_path / "run")
