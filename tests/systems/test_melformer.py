"""Melformer: learns what a sound does next, is written and read as a run, and is heard with or without a vocoder."""

import json
import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from journey import TINY_VOCODER, Journey
from smalti.audio import read, write
from smalti.cli import run
from smalti.config import load_settings
from smalti.core import Audio, Condition, ConfigError, ParameterError, SpecError, StoreError
from smalti.data.manifest import Manifest
from smalti.features import MEL_PRESETS, FrameLM, hop_by_hop
from smalti.generate import Sampling, generate_frames
from smalti.systems import load
from smalti.systems.generation import Prompt, generate
from smalti.systems.hearing import Heard
from smalti.systems.melformer import MelformerConfig, MelformerRecipe, build_melformer, load_melformer
from smalti.systems.melformer.shown import corrupt
from smalti.systems.registry import find_preset, load_language_model, presets
from smalti.systems.show import show
from smalti.systems.training import train
from smalti.train import Engine, EngineSettings, NamesClips, Recipe, RunFolder

SMALL = ["model.width=16", "model.layers=1", "model.heads=2", "model.window=6", "model.condition_width=8"]
SMALL += ["shown.batch=4", "shown.crop=14", "train.steps=80", "train.average=0.9", "model.components=2"]


def recipe(data: Path, *settings: str) -> MelformerRecipe:
    config = load_settings(MelformerConfig, "", [*SMALL, *settings])
    return MelformerRecipe(config, Manifest.read(data), engine=Engine(EngineSettings(precision="32")))


def fitted(learning: MelformerRecipe, steps: int) -> list[float]:
    losses: list[float] = []
    for step in range(steps):
        torch.manual_seed(step)
        losses.append(learning.step(learning.batch(step), step)["loss"])
    return losses


@pytest.fixture(scope="module")
def pulses(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two labels: noise that is loud and soft by turns of eight hops, and a tone that stays."""
    folder, rows = tmp_path_factory.mktemp("pulses"), list[dict[str, object]]()
    for number in range(8):
        generator = torch.Generator().manual_seed(number)
        hops = torch.arange(60 * 256) // 256
        level = torch.where((hops // 8 + number) % 2 == 0, 0.3, 0.003)
        loud = level * torch.randn(60 * 256, generator=generator).clamp(-3, 3)
        tone = 0.3 * torch.sin(torch.arange(60 * 256) * 0.3)
        for label, sound in (("pulse", loud), ("tone", tone)):
            name = f"{label}-{number}.wav"
            write(folder / name, Audio.single(sound, 22_050))
            split = "test" if number > 5 else "train"
            rows.append({"path": name, "seconds": 60 * 256 / 22_050, "label": label, "split": split})
    Manifest.from_rows(rows, folder).write(folder / "manifest.csv")
    return folder


def test_it_is_a_recipe_whose_batches_are_pure(pulses: Path) -> None:
    first, again = recipe(pulses), recipe(pulses)
    assert isinstance(first, Recipe) and isinstance(first, NamesClips)
    assert all(name.endswith(("0.wav", "1.wav", "2.wav", "3.wav", "4.wav", "5.wav")) for name in first.clips(0))
    for step in (0, 5, 2):
        one, other = first.batch(step), again.batch(step)
        assert one.targets.shape == (4, 80, 14)
        assert torch.equal(one.targets, other.targets) and torch.equal(one.inputs, other.inputs)
        assert torch.equal(one.labels, other.labels)
    assert not torch.equal(first.batch(0).targets, first.batch(1).targets)


def test_noise_is_added_to_what_is_heard_and_not_to_what_is_guessed(pulses: Path) -> None:
    clean, noisy = recipe(pulses, "shown.corruption_db=0").batch(3), recipe(pulses, "shown.corruption_db=9").batch(3)
    assert torch.equal(clean.inputs, clean.targets) and torch.equal(clean.targets, noisy.targets)
    away = (noisy.inputs - noisy.targets).std(dim=(1, 2)) * 80
    assert (away < 9).all() and away.max() > 1
    frames = torch.full((2, 3, 4), 0.5)
    frames[1, :, 2:] = math.nan
    found = corrupt(frames, most=0.1, generator=torch.Generator().manual_seed(0))
    assert torch.equal(found.isnan(), frames.isnan())


@pytest.fixture(scope="module")
def learnt(pulses: Path) -> dict[str, tuple[MelformerRecipe, Mapping[str, float], list[float]]]:
    """Either head after 80 steps: the recipe, its evaluation before them, and their losses."""
    found: dict[str, tuple[MelformerRecipe, Mapping[str, float], list[float]]] = {}
    for head in ("mixture", "regression"):
        learning = recipe(pulses, f"model.head={head}")
        found[head] = learning, learning.evaluate(), fitted(learning, 80)
    return found


@pytest.mark.parametrize("head", ["mixture", "regression"])
def test_it_learns_what_comes_next_and_evaluates_what_it_has_not_heard(
    learnt: dict[str, tuple[MelformerRecipe, Mapping[str, float], list[float]]], head: str
) -> None:
    learning, before, losses = learnt[head]
    after = learning.evaluate()
    assert losses[-1] < losses[0] and after["loss"] < before["loss"]
    assert after["mean_l1_db"] < 0.7 * before["mean_l1_db"]


def test_a_mixture_moves_as_noise_does_where_a_single_value_stands_still(
    learnt: dict[str, tuple[MelformerRecipe, Mapping[str, float], list[float]]], pulses: Path
) -> None:
    """The reason for the head: one value for each level is the mean of all that might come."""
    moves: dict[str, float] = {}
    for head, (learning, _, _) in learnt.items():
        lm = learning.learner.average.module.eval()
        assert isinstance(lm, FrameLM)
        asked = Condition(torch.zeros(1, 48, dtype=torch.int64), torch.zeros(1, 48, 0))
        made = generate_frames(lm, asked, sampling=Sampling(), seeds=[0, 1])
        moves[head] = float((made[:, :, 1:] - made[:, :, :-1]).abs().mean())
    heard = torch.cat([hop_by_hop(read(path).samples, MEL_PRESETS["wide"]) for path in pulses.glob("pulse-*.wav")])
    wanted = float((heard[:, :, 1:] - heard[:, :, :-1]).abs().mean())
    assert moves["mixture"] > 0.7 * wanted
    assert moves["regression"] < 0.5 * wanted


def test_a_resumed_recipe_is_the_unbroken_one(pulses: Path) -> None:
    whole, first, second = (recipe(pulses, "model.dropout=0.3") for _ in range(3))
    fitted(whole, 4)
    fitted(first, 2)
    second.load_state_dict(first.state_dict())
    for step in (2, 3):
        torch.manual_seed(step)
        second.step(second.batch(step), step)
    assert all(torch.equal(whole.weights().tensors[name], tensor) for name, tensor in second.weights().tensors.items())


@pytest.mark.parametrize("preset", [name for name in presets() if name.startswith("melformer/")])
def test_every_preset_makes_a_model_of_its_picture(preset: str) -> None:
    config = load_settings(MelformerConfig, find_preset(preset)[1])
    with torch.device("meta"):
        model = build_melformer(config, schema=load_schema())
    assert model.picture == MEL_PRESETS[config.model.picture]
    assert model.components == (0 if config.model.head == "regression" else config.model.components)


def load_schema():
    from smalti.core import Parameter, Schema

    return Schema(("rain",), (Parameter(name="rate", label="rain"),))


def test_a_run_is_read_as_it_was_and_says_what_it_is(journey: Journey) -> None:
    lm = load(journey.frames)
    assert isinstance(lm, FrameLM) and lm.picture == MEL_PRESETS["wide"]
    assert [parameter.key for parameter in lm.schema.parameters] == ["pistons.rate", "rain.rate"]
    frames = torch.rand(2, 80, 9, generator=torch.Generator().manual_seed(0))
    nothing = Condition.empty(2, 1, 2)
    again = load_melformer(journey.frames)
    assert torch.equal(lm.guess(frames, nothing).means, again.guess(frames, nothing).means)
    facts = show(journey.frames)
    assert (facts["system"], facts["finished"], facts["picture"]["preset"]) == ("melformer", True, "wide")
    assert facts["labels"] == ["pistons", "rain"] and facts["parameter_count"] == again.parameter_count
    assert facts["metrics"].keys() == {"loss", "mean_l1_db"}


def test_it_is_no_language_model_of_tokens(journey: Journey) -> None:
    with pytest.raises(SpecError, match="is a language model of mel frames, wanted a language model"):
        load_language_model(journey.frames)


def test_unknown_pictures_and_settings_are_refused(journey: Journey, tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match="did you mean 'wide'"):
        train("melformer/tiny", data=journey.sounds, out=tmp_path / "run", overrides=["model.picture=wde"])
    with pytest.raises(ConfigError, match="head"):
        train("melformer/tiny", data=journey.sounds, out=tmp_path / "run", overrides=["model.head=flow"])
    assert not (tmp_path / "run").exists()


def test_weights_of_another_model_are_refused(journey: Journey, tmp_path: Path) -> None:
    other = RunFolder.start(tmp_path / "run", (journey.frames / "config.toml").read_text())
    other.weights_path.write_bytes((journey.lm / "weights.safetensors").read_bytes())
    with pytest.raises(StoreError, match="does not fit"):
        load_melformer(tmp_path / "run")


def test_sounds_have_the_length_asked_for_and_seeds_of_their_own(journey: Journey, tmp_path: Path) -> None:
    asked = {"label": "pistons", "settings": ["rate=2:9"], "seconds": 0.4, "sampling": Sampling()}
    report = generate(journey.frames, to=tmp_path / "x.wav", seeds=[3, 4], **asked)
    sounds = [soundfile.read(tmp_path / f"x-{number}.wav")[0] for number in (1, 2)]
    assert [len(sound) for sound in sounds] == [8820, 8820] and report.bitrate is None
    assert np.abs(sounds[0] - sounds[1]).max() > 0
    for name, seeds in (("both", [3, 4]), ("alone", [4])):
        generate(journey.frames, to=tmp_path / f"{name}.npy", seeds=seeds, **asked)
    alone, second = (np.load(tmp_path / f"{name}.npy", allow_pickle=False) for name in ("alone", "both-2"))
    assert np.abs(alone - second).max() < 1e-4


def test_one_sound_passes_into_another(journey: Journey, tmp_path: Path) -> None:
    frames: list[np.ndarray] = []
    for name, label in (("pistons", "pistons"), ("both", "pistons:rain")):
        generate(journey.frames, to=tmp_path / f"{name}.npy", seconds=0.3, label=label, sampling=Sampling())
        frames.append(np.load(tmp_path / f"{name}.npy", allow_pickle=False))
    away = np.abs(frames[0] - frames[1]).mean(axis=0)
    assert away[-5:].mean() > 2 * away[0]


def test_frames_themselves_are_kept_as_numbers(journey: Journey, tmp_path: Path) -> None:
    generate(journey.frames, to=tmp_path / "deep" / "x.npy", seconds=0.3, sampling=Sampling())
    found = np.load(tmp_path / "deep" / "x.npy", allow_pickle=False)
    assert found.shape == (80, math.ceil(0.3 * 22_050 / 256)) and found.dtype == np.float32
    assert found.min() >= 0 and found.max() <= 1


def test_a_prompt_is_heard_and_continued(journey: Journey, tmp_path: Path) -> None:
    path = next(journey.sounds.rglob("*.flac"))
    report = generate(
        journey.frames, to=tmp_path / "x.npy", prompt=Prompt(path=path, seconds=0.5), seconds=0.2, sampling=Sampling()
    )
    found = np.load(tmp_path / "x.npy", allow_pickle=False)
    wanted = hop_by_hop(read(path, sample_rate=22_050).samples, MEL_PRESETS["wide"])[0].numpy()
    known = found.shape[1] - math.ceil(0.2 * 22_050 / 256)
    assert known == 42  # the last frame ends within the half second
    assert np.array_equal(found[:, : known - 1], wanted[:, : known - 1])
    assert report.audio_seconds == pytest.approx(0.2 + known * 256 / 22_050, abs=1e-4)
    with pytest.raises(ParameterError, match="holds no frame"):
        generate(journey.frames, to=tmp_path / "y.wav", prompt=Prompt(path=path, seconds=0.01), seconds=0.2,
                 sampling=Sampling())  # fmt: skip


def test_what_frames_cannot_do_is_refused(journey: Journey, tmp_path: Path) -> None:
    path = next(journey.sounds.rglob("*.flac"))
    with pytest.raises(ParameterError, match="makes frames and no tokens"):
        generate(journey.frames, to=tmp_path / "x.smt", seconds=0.2, sampling=Sampling())
    with pytest.raises(SpecError, match="hears only what comes before"):
        generate(journey.frames, to=tmp_path / "x.wav", prompt=Prompt(path=path, gap=(0.1, 0.2)), sampling=Sampling())
    with pytest.raises(ParameterError, match="seconds are missing"):
        generate(journey.frames, to=tmp_path / "x.wav", sampling=Sampling())
    with pytest.raises(SpecError, match="found a vocoder of the picture specvqgan, wanted one of wide"):
        generate(Heard(journey.frames, journey.vocoder), to=tmp_path / "x.wav", seconds=0.2, sampling=Sampling())
    assert not list(tmp_path.iterdir())


def test_it_is_heard_through_a_vocoder_of_its_picture_and_over_a_bridge(journey: Journey, tmp_path: Path) -> None:
    own = tmp_path / "vocoder"
    train("vocoder/tiny", data=journey.sounds, out=own, overrides=(*TINY_VOCODER, "model.picture=wide"), progress=False)
    sounds: list[np.ndarray] = []
    for name, vocoder, bridge in (("own", own, ""), ("bridged", journey.vocoder, "magnitude"), ("none", None, "")):
        heard = Heard(journey.frames, vocoder, bridge)
        generate(heard, to=tmp_path / f"{name}.wav", seconds=0.3, label="rain", sampling=Sampling())
        sounds.append(soundfile.read(tmp_path / f"{name}.wav")[0])
    assert [len(sound) for sound in sounds] == [6615] * 3
    assert all(np.abs(one - sounds[2]).max() > 1e-4 for one in sounds[:2])


def test_the_command_line_generates(journey: Journey, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["generate", str(journey.frames), "--label", "rain", "--set", "rate=300", "--seconds", "0.3", "--json"]
    assert run([*arguments, "--to", str(tmp_path / "x.wav"), "--guidance", "1.5"]) == 0
    assert json.loads(capsys.readouterr().out)["bitrate"] is None
    assert run([*arguments, "--to", str(tmp_path / "y.smt")]) == 2
