"""How masked models learn: gaps are pure functions of the step, as many as the paper says, and only they are learnt."""

from pathlib import Path

import pyarrow as pa
import pytest
import torch

from smalti.config import load_settings
from smalti.core import ParameterError, TokenSpec
from smalti.generate import Filling, Sampling, condition, generate_masked
from smalti.store import TokenStore, write_store
from smalti.systems.melgpt import MelGPTConfig, melgpt_recipe
from smalti.train import Engine, EngineSettings, NamesClips, Recipe
from smalti.train.masked_lm import MaskedRecipe, choose_gaps

SPEC = TokenSpec(sample_rate=8000, hop=100, codebooks=2, vocab=8, tokenizer="toy")
SMALL = ["model.kind=masked", "model.width=16", "model.layers=1", "model.heads=2", "model.window=12"]
SMALL += ["shown.batch=4", "shown.crop=9", "train.steps=20", "engine.precision='32'"]


def _store(folder: Path) -> TokenStore:
    frames = [20, 5, 22, 23, 24, 3]
    labels, splits = ["up", "down"] * 3, ["train"] * 4 + ["test"] * 2
    paths = [f"{row}.wav" for row in range(6)]
    table = pa.table({"path": paths, "samples": [100 * n for n in frames], "label": labels, "split": splits})

    def counting(row: int) -> torch.Tensor:
        count = (torch.arange(frames[row]) * (1 if labels[row] == "up" else -1) + row) % 8
        return torch.stack([count, (3 * count) % 8])

    write_store(folder, SPEC, table, lambda rows: [counting(row) for row in rows])
    return TokenStore.open(folder)


def _recipe(folder: Path, *settings: str) -> MaskedRecipe:
    config = load_settings(MelGPTConfig, "", [*SMALL, *settings])
    made = melgpt_recipe(config, [_store(folder)], engine=Engine(EngineSettings(precision="32")))
    assert isinstance(made, MaskedRecipe)
    return made


def _fit(recipe: MaskedRecipe, first: int, last: int) -> list[float]:
    losses: list[float] = []
    for step in range(first, last):
        torch.manual_seed(step)
        losses.append(recipe.step(recipe.batch(step), step)["loss"])
    return losses


def test_it_is_a_recipe_that_can_name_its_clips(tmp_path: Path):
    recipe = _recipe(tmp_path / "s")
    assert isinstance(recipe, Recipe) and isinstance(recipe, NamesClips)
    assert sorted(recipe.clips(0)) == ["0.wav", "1.wav", "2.wav", "3.wav"]


def test_gaps_are_a_pure_function_of_the_step(tmp_path: Path):
    recipe, again = _recipe(tmp_path / "a"), _recipe(tmp_path / "b")
    for step in (0, 5, 2):
        for name in ("targets", "inputs", "labels", "frames"):
            assert torch.equal(getattr(recipe.batch(step), name), getattr(again.batch(step), name))
    assert not torch.equal(recipe.batch(0).inputs, recipe.batch(1).inputs)


def test_only_gaps_are_learnt_and_padding_is_no_gap(tmp_path: Path):
    gaps = _recipe(tmp_path / "s", "shown.corruption=0").batch(0)
    blank, learnt = gaps.inputs == SPEC.vocab, gaps.targets != SPEC.vocab
    inside = (torch.arange(9) < gaps.frames[:, None])[:, None].expand_as(blank)
    assert sorted(gaps.frames.tolist()) == [5, 9, 9, 9]
    assert torch.equal(learnt, blank & inside) and learnt.any(-1).any(-1).all()
    assert not (~inside & ~blank).any()


def test_as_much_is_blanked_as_the_cosine_says():
    real = torch.ones(4000, 2, 25, dtype=torch.bool)
    shares = choose_gaps(real, generator=torch.Generator().manual_seed(0)).float().mean((1, 2))
    assert shares.min() > 0 and shares.max() == 1
    assert abs(shares.mean() - 2 / torch.pi) < 0.02  # the mean of cos(π r / 2)
    assert abs((shares > 0.7071).float().mean() - 0.5) < 0.03


def test_a_resumed_run_is_the_unbroken_one(tmp_path: Path):
    whole, broken, resumed = (_recipe(tmp_path / name, "train.average=0.5") for name in ("a", "b", "c"))
    losses = _fit(whole, 0, 8)
    _fit(broken, 0, 5)
    resumed.load_state_dict(broken.state_dict())
    assert _fit(resumed, 5, 8) == losses[5:]
    for name, weight in whole.weights().tensors.items():
        assert torch.equal(weight, resumed.weights().tensors[name])


def test_an_evaluation_changes_nothing_and_repeats(tmp_path: Path):
    recipe = _recipe(tmp_path / "s")
    first = recipe.evaluate()
    assert first == recipe.evaluate() and set(first) == {"loss", "loss_codebook_0", "loss_codebook_1"}


def test_a_crop_longer_than_the_window_is_refused(tmp_path: Path):
    with pytest.raises(ParameterError, match=r"shown\.crop is 13, the model hears 12"):
        _recipe(tmp_path / "s", "shown.crop=13")


def test_what_has_been_learnt_is_filled_in_on_demand(tmp_path: Path):
    settings = ("model.width=32", "model.dropout=0", "shown.corruption=0", "train.steps=200", "train.average=0.9")
    settings += ("train.learning_rate=0.01", "shown.batch=16", "shown.crop=12", "model.layers=2")
    recipe = _recipe(tmp_path / "s", *settings)
    _fit(recipe, 0, 200)
    lm = recipe.learner.average.module.eval()
    for label, step in (("up", 1), ("down", 7)):
        asked = condition(lm.schema, label=label, settings=[], seconds=0.3, frame_rate=SPEC.frame_rate)
        sampling = Sampling(temperature=0.5, top_p=1.0, filling=Filling(passes=12, noise=0))
        codes = generate_masked(lm, asked, sampling=sampling, seeds=range(8))
        assert codes.shape == (8, 2, 24)
        assert ((codes[:, 0, 1:] - codes[:, 0, :-1]) % 8 == step).float().mean() > 0.85
