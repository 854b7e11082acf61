"""Two stages: what each teaches and holds still, what the second takes of the first, and what is thrown away."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from journey import TINY_ALM, TINY_ALM_STAGE1, TINY_ALM_STAGE2, Journey
from smalti.config import load_settings
from smalti.core import Audio, ParameterError, SpecError, StoreError
from smalti.store import Weights, load_weights
from smalti.systems import almtokenizer as room
from smalti.systems import load, training
from smalti.systems.almtokenizer import ALMTokenizerConfig, ALMTokenizerRecipe
from smalti.systems.almtokenizer.clips import Crops
from smalti.systems.importing import import_weights
from smalti.systems.show import show, verify
from smalti.systems.training import train

_PRESETS = Path(room.__file__).parent / "presets"
_TESTS = Path(__file__).parents[1]
_RATE = 24000
STAGE1, STAGE2 = "almtokenizer/stage1", "almtokenizer/stage2"


def _waves() -> list[Tensor]:
    time = torch.arange(9000) / _RATE
    return [torch.sin(2 * torch.pi * hertz * time) * 0.4 for hertz in (110.0, 440.0, 1300.0, 700.0)]


def _recipe(preset: str, *overrides: str, held_out: int = 1) -> ALMTokenizerRecipe:
    tiny = {"stage1": TINY_ALM_STAGE1, "stage2": TINY_ALM_STAGE2, "tiny": TINY_ALM}[preset]
    config = load_settings(ALMTokenizerConfig, _PRESETS / f"{preset}.toml", (*tiny, *overrides))
    return ALMTokenizerRecipe(config, _waves(), held_out=held_out)


def _steps(recipe: ALMTokenizerRecipe, steps: int) -> list[dict[str, float]]:
    found: list[dict[str, float]] = []
    for step in range(steps):
        torch.manual_seed(step)
        found.append(dict(recipe.step(recipe.batch(step), step)))
    return found


def _state(recipe: ALMTokenizerRecipe) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in recipe.learning.state_dict().items()}


def _moved(recipe: ALMTokenizerRecipe, before: dict[str, Tensor]) -> set[str]:
    """Parts of the net of which something has changed."""
    now = recipe.learning.state_dict()
    return {".".join(name.split(".")[:2]) for name in now if not torch.equal(now[name], before[name])}


def test_the_first_stage_teaches_both_ends_and_whoever_guesses_hidden_frames() -> None:
    recipe = _recipe("stage1")
    before = _state(recipe)
    found = _steps(recipe, 5)
    moved = {name for name in _moved(recipe, before) if name.startswith("codec")}
    assert moved == {"codec.front", "codec.back"} and len(_moved(recipe, before)) > 2
    assert {"time", "frequency", "mel", "mae"} <= found[0].keys()
    assert ["adversarial" in each for each in found] == [False, False, True, True, True]
    assert ["discriminator" in each for each in found] == [False, False, True, False, True]
    assert not {"frames", "commitment", "autoregressive"} & found[-1].keys()


def test_the_second_holds_the_front_still_and_out_of_training() -> None:
    recipe = _recipe("stage2", "train.steps=20", "train.weight_decay=0.5", "train.shallow=0")
    before = _state(recipe)
    found = _steps(recipe, 8)
    assert _moved(recipe, before) >= {"codec.back", "codec.encoder", "codec.decoder", "codec.quantizer"}
    assert "codec.front" not in _moved(recipe, before)
    assert recipe.net.encoder.training and not recipe.net.front.training  # type: ignore[attr-defined]
    front = {id(weight) for name, weight in recipe.net.named_parameters() if name.startswith("front.")}
    stepped = {id(weight) for group in recipe.optimiser.param_groups for weight in group["params"]}
    assert front and not front & stepped
    named = {"frames", "commitment", "time", "frequency", "mel", "adversarial", "features", "autoregressive"}
    assert named <= found[-1].keys() and "mae" not in found[-1]


def test_every_weight_of_a_stage_is_taught_or_held_still() -> None:
    for preset in ("stage1", "stage2"):
        recipe = _recipe(preset, "judge.start=0", "train.quantize_from=0", "train.sound_from=0", "train.shallow=0")
        recipe.learning.train()
        crops = recipe.batch(0)
        learnt = recipe._pass(crops, 0)  # pyright: ignore[reportPrivateUsage]
        recipe.objective.total({**recipe.objective.losses(learnt.rebuilt, crops), **learnt.aside}).backward()
        for name, weight in recipe.learning.named_parameters():
            assert (weight.grad is not None) == weight.requires_grad, name


def test_nothing_beside_the_codec_is_kept_or_asked_in_evaluation(journey: Journey) -> None:
    kept = load_weights(journey.alm_stage1 / "weights.safetensors").tensors
    assert {name.split(".")[0] for name in kept} == {"front", "back"}
    kept = load_weights(journey.alm_stage2 / "weights.safetensors").tensors
    assert {name.split(".")[0] for name in kept} == set(dict(_recipe("stage2").net.named_children()))
    recipe = _recipe("stage1")
    assert recipe.learning.mae is not None
    recipe.learning.mae.register_forward_hook(lambda *_: pytest.fail("the guesser was asked"))
    assert set(recipe.evaluate()) == {"loss", "time", "frequency", "mel", "log_mel_l1_db"}
    assert {name.partition("/")[2] for name in recipe.samples().audio} == {"original", "reconstruction"}


def test_what_is_kept_of_a_first_stage_sounds_the_same_and_has_frames_of_one_size() -> None:
    recipe = _recipe("stage1")
    _steps(recipe, 3)
    sounds = [recipe.batch(step).sound for step in range(8)]
    before = [recipe.net.rebuild(sound) for sound in sounds]
    recipe.take(recipe.weights())
    after = [recipe.net.rebuild(sound) for sound in sounds]
    deviation = torch.cat([each.wanted.flatten(0, 1) for each in after]).std(dim=0, correction=0)
    torch.testing.assert_close(deviation, torch.ones(6), rtol=1e-4, atol=0)
    assert not torch.allclose(before[0].wanted, after[0].wanted)
    assert before[0].sound is not None
    torch.testing.assert_close(after[0].sound, before[0].sound, rtol=0, atol=1e-5)


def test_an_evaluation_changes_nothing() -> None:
    for preset in ("stage1", "stage2"):
        recipe = _recipe(preset)
        before, first = _state(recipe), recipe.evaluate()
        assert _moved(recipe, before) == set() and recipe.evaluate() == first


def test_a_first_stage_says_that_it_knows_no_codes(journey: Journey) -> None:
    with pytest.raises(StoreError, match="is a first stage, which knows no codes; train the second on it"):
        load(journey.alm_stage1)
    shown = show(journey.alm_stage1)
    assert shown["finished"] and "first stage" in shown["missing"] and verify(journey.alm_stage1) == []


@pytest.fixture(scope="module")
def second(journey: Journey, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("stages") / "second"
    _train(journey, out, load_path=journey.alm_stage1)
    return out


def _train(journey: Journey, out: Path, *more: str, **words: Any) -> None:
    overrides = (*TINY_ALM_STAGE2, *more)
    train(STAGE2, data=journey.sounds, out=out, overrides=overrides, progress=False, **words)


def test_the_second_has_the_front_of_the_first_and_can_be_heard(journey: Journey, second: Path) -> None:
    first, last = (load_weights(run / "weights.safetensors").tensors for run in (journey.alm_stage1, second))
    fronts = {name for name in first if name.startswith("front.")}
    assert fronts and all(torch.equal(first[name], last[name]) for name in fronts)
    assert show(second)["loaded"]["part"] == "ends" and verify(second) == []
    codec: Any = load(second)
    sound = Audio.single(_waves()[0], _RATE)
    assert codec.decode(codec.encode(sound)).samples.shape == (1, 9000)


@pytest.mark.parametrize("at", [1, 4])
def test_a_second_stage_that_was_cut_resumes_without_the_first(
    journey: Journey, second: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    loop = training.fit
    with monkeypatch.context() as cut:
        cut.setattr(training, "fit", lambda recipe, **rest: loop(recipe, **{**rest, "steps": at}))
        shutil.copytree(journey.alm_stage1, tmp_path / "first")
        _train(journey, tmp_path / "run", load_path=tmp_path / "first")
    shutil.rmtree(tmp_path / "first")
    _train(journey, tmp_path / "run", resume=True)
    for name in ("weights.safetensors", "config.toml"):
        assert (tmp_path / "run" / name).read_bytes() == (second / name).read_bytes()


def test_an_imported_encodec_serves_as_a_first_stage(journey: Journey, tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    sizes = {"num_filters": 2, "hidden_size": 6, "codebook_size": 8, "target_bandwidths": [1.5]}
    encodec = transformers.EncodecModel(transformers.EncodecConfig(upsampling_ratios=[10, 8, 4], **sizes))
    encodec.save_pretrained(tmp_path / "encodec")
    import_weights("encodec", tmp_path / "encodec", to=tmp_path / "first")
    with pytest.raises(StoreError, match="is a first stage"):
        load(tmp_path / "first")
    _train(journey, tmp_path / "second", "model.ends.lstm=2", load_path=tmp_path / "first")
    first, last = (load_weights(tmp_path / run / "weights.safetensors").tensors for run in ("first", "second"))
    fronts = [name for name in first if name.startswith("front.")]
    assert fronts and all(torch.equal(first[name], last[name]) for name in fronts)


def test_what_the_back_hears_of_another_decoder_begins_at_nothing(tmp_path: Path) -> None:
    """So that the second stage begins as the head was left by the first, which knew no decoder."""
    first = _recipe("tiny", "train.stage=autoencoder")
    _steps(first, 3)
    recipe = _recipe("tiny", "train.stage=codec", "model.decoder.width=20")
    recipe.take(Weights(first.weights().tensors, {}))
    frames, hidden = torch.randn(1, 7, 32), torch.randn(1, 7, 20)
    sounds = [recipe.net.back.forward(frames, hidden), first.net.back.forward(frames)]
    assert torch.equal(*sounds) and bool(sounds[0].any())


def test_other_systems_sizes_and_ends_are_refused_naming_both(journey: Journey, tmp_path: Path) -> None:
    def begin(load_path: Path, *overrides: str) -> None:
        _train(journey, tmp_path / "out", *overrides, load_path=load_path)

    with pytest.raises(SpecError, match="is a melvqvae, wanted an almtokenizer"):
        begin(journey.codec)
    with pytest.raises(SpecError, match=r"ends\.dim found 6, wanted 7"):
        begin(journey.alm_stage1, "model.ends.dim=7")
    with pytest.raises(SpecError, match=r"ends\.kind found spectral, wanted seanet"):
        begin(journey.alm)
    shutil.copytree(journey.alm_stage1, tmp_path / "begun")
    (tmp_path / "begun" / "weights.safetensors").unlink()
    with pytest.raises(StoreError, match="cannot be read as weights"):
        begin(tmp_path / "begun")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("preset", "overrides", "said"),
    [
        ("stage2", ["train.lambdas.mae=0.1"], "for a front that is held still"),
        ("tiny", ["train.lambdas.mae=0.1"], "for a front that has nothing to learn"),
        ("stage1", ["train.lambdas.autoregressive=0.1"], "for a stage without codes"),
        ("stage2", ["model.codes.codebooks=1"], "for one codebook"),
    ],
)
def test_a_loss_that_would_teach_nobody_is_refused(preset: str, overrides: list[str], said: str) -> None:
    with pytest.raises(ParameterError, match=said):
        _recipe(preset, *overrides)


@pytest.mark.parametrize("preset", ["stage1", "stage2"])
def test_a_loss_that_is_not_finite_changes_nothing(preset: str) -> None:
    recipe = _recipe(preset, "judge.start=0", "judge.every=1", "train.quantize_from=0", "train.sound_from=0")
    _steps(recipe, 2)
    before, judged = _state(recipe), str(recipe.adversary.state_dict() if recipe.adversary else None)
    batch = recipe.batch(2)
    sound = batch.sound.clone()
    sound[0, 100] = float("nan")
    found = recipe.step(Crops(sound, batch.lengths, batch.window, batch.depth), 2)
    assert not torch.isfinite(torch.tensor(found["loss"]))
    assert _moved(recipe, before) == set()
    assert str(recipe.adversary.state_dict() if recipe.adversary else None) == judged


def test_a_run_without_a_loss_says_so() -> None:
    recipe = _recipe("stage2", "train.sound_from=0.9", "train.lambdas.frames=0", "train.lambdas.commitment=0")
    with pytest.raises(ParameterError, match=r"no loss in this step; set one of train\.lambdas"):
        recipe.step(recipe.batch(0), 0)


def test_only_the_first_recordings_are_heard_if_asked() -> None:
    recipe = _recipe("stage1", "train.recordings=2", held_out=1)
    assert {name for step in range(20) for name in recipe.clips(step)} == {"waveform 0", "waveform 1"}


@pytest.mark.slow
@pytest.mark.parametrize("preset", ["tiny", "stage1", "stage2"])
def test_two_processes_draw_one_window_hear_other_clips_and_share_all_weights(preset: str, tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(_TESTS), *sys.path]), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "faults.alm_processes", preset, str(tmp_path)]
    subprocess.run(command, check=True, env=environment, stderr=subprocess.PIPE, timeout=300)
    first, second = (json.loads((tmp_path / f"{rank}.json").read_text("utf-8")) for rank in (0, 1))
    assert first["windows"] == second["windows"] and len(set(first["windows"])) > 1
    assert first["clips"] != second["clips"]
    assert first["weights"] == second["weights"]
