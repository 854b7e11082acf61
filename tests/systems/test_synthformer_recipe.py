"""How synthformer learns: batches are pure, short and bare clips are welcome, and a resumed run is the unbroken one."""

import math
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from smalti.config import load_settings, to_toml
from smalti.core import Parameter, ParameterError, Schema, SpecError, TokenSpec
from smalti.data.token_clips import TokenClips
from smalti.generate import Sampling, Setting, condition, generate
from smalti.store import TokenStore, save_weights, write_store
from smalti.systems.synthformer import SynthformerConfig, load_synthformer, synthformer_recipe
from smalti.train import Engine, EngineSettings, NamesClips, Recipe
from smalti.train.token_lm import NextCodeRecipe

SPEC = TokenSpec(sample_rate=8000, hop=100, codebooks=2, vocab=8, tokenizer="toy")
SMALL = ["model.width=16", "model.layers=1", "model.heads=2", "model.window=5", "model.condition_width=8"]
SMALL += ["shown.batch=4", "shown.crop=9", "train.steps=20", "engine.precision='32'"]
Columns = dict[str, list[Any]]


def _counting(frames: int, up: bool) -> torch.Tensor:
    count = (torch.arange(frames) * (1 if up else -1)) % 8
    return torch.stack([count, (3 * count) % 8])


def _store(folder: Path, *, frames: list[int], columns: Columns | None = None, tracks: Path | None = None):
    columns = columns or {}
    paths = [f"{row:02d}.wav" for row in range(len(frames))]
    table = pa.table({"path": paths, "samples": [100 * n - 3 for n in frames], **columns})
    labels = columns.get("label", ["up"] * len(frames))
    codes = [_counting(n, label == "up") for n, label in zip(frames, labels, strict=True)]
    write_store(folder, SPEC, table, lambda rows: [codes[row] for row in rows], tracks=tracks)
    return TokenStore.open(folder)


def _recipe(*stores: TokenStore, settings: tuple[str, ...] = (), schema: Schema | None = None) -> NextCodeRecipe:
    config = load_settings(SynthformerConfig, "", [*SMALL, *settings])
    return synthformer_recipe(config, stores, schema=schema, engine=Engine(EngineSettings(precision="32")))


def _labelled(folder: Path) -> TokenStore:
    columns: Columns = {
        "label": ["up", "down"] * 3,
        "split": ["train"] * 4 + ["test"] * 2,
        "rate": [2.0, None, 4.0, None, 3.0, None],
        "shift": [0, 1, 2, 3, 0, 1],
    }
    return _store(folder, frames=[20, 21, 22, 23, 24, 25], columns=columns)


def _fit(recipe: NextCodeRecipe, first: int, last: int) -> list[float]:
    losses: list[float] = []
    for step in range(first, last):
        torch.manual_seed(step)
        losses.append(recipe.step(recipe.batch(step), step)["loss"])
    return losses


def test_it_is_a_recipe_that_can_name_its_clips(tmp_path: Path):
    recipe = _recipe(_labelled(tmp_path / "s"))
    assert isinstance(recipe, Recipe)
    assert isinstance(recipe, NamesClips)
    assert sorted(recipe.clips(0)) == ["00.wav", "01.wav", "02.wav", "03.wav"]


def test_a_batch_is_a_pure_function_of_the_step(tmp_path: Path):
    recipe, again = (_recipe(_labelled(tmp_path / name)) for name in ("a", "b"))
    for step in (0, 5, 2):
        first, second = recipe.batch(step), again.batch(step)
        assert torch.equal(first.targets, second.targets)
        assert torch.equal(first.inputs, second.inputs)
        assert torch.equal(first.labels, second.labels)
        assert torch.equal(first.values.nan_to_num(-1), second.values.nan_to_num(-1))
    assert not torch.equal(recipe.batch(0).targets, recipe.batch(1).targets)


def test_crops_are_parts_of_training_clips_with_what_is_true_of_them(tmp_path: Path):
    recipe = _recipe(_labelled(tmp_path / "s"), settings=("shown.condition_dropout=0", "shown.corruption=0"))
    assert recipe.data.schema.labels == ("down", "up")
    assert [p.key for p in recipe.data.schema.parameters] == ["up.rate"]
    for step in range(5):
        crops = recipe.batch(step)
        assert crops.targets.shape == (4, 2, 9)
        assert torch.equal(crops.targets, crops.inputs)
        going = (crops.targets[:, 0, 1:] - crops.targets[:, 0, :-1]) % 8
        assert torch.equal(going == 1, (crops.labels == 1)[:, 1:])
        assert torch.equal(crops.values.isnan()[..., 0], crops.labels == 0)


def test_clips_shorter_than_a_crop_end_in_blanks_that_are_not_learnt(tmp_path: Path):
    recipe = _recipe(_store(tmp_path / "s", frames=[3, 5, 1, 30]))
    crops = recipe.batch(0)
    lengths = sorted((crops.targets[:, 0] != 8).sum(1).tolist())
    assert lengths == [1, 3, 5, 9]
    assert torch.equal(crops.inputs == 8, crops.targets == 8)
    short = _recipe(_store(tmp_path / "t", frames=[3, 5]))
    assert short.batch(0).targets.shape == (4, 2, 5)
    assert math.isfinite(_fit(short, 0, 1)[0])


def test_tracks_move_parameters_within_a_clip(tmp_path: Path):
    columns: Columns = {"label": ["up", "up"], "rate": [2.0, 8.0], "level": [0.5, 0.7]}
    values = [2.0 * 4.0 ** (i / 100) for i in range(101)]  # 2 to 8 in one second, even in octaves
    track = pa.table({"path": ["01.wav"], "name": ["rate"], "rate": [100.0], "values": [values]})
    pq.write_table(track, tmp_path / "tracks.parquet")
    store = _store(tmp_path / "s", frames=[80, 80], columns=columns, tracks=tmp_path / "tracks.parquet")
    schema = Schema(
        ("up",),
        (Parameter(name="level", label="up"), Parameter(name="rate", label="up", low=2, high=8, scale="log")),
    )
    clips = TokenClips([store], schema)
    assert clips.condition(0, start=0, frames=5).values[0, :, 1].eq(0).all()
    moving = clips.condition(1, start=10, frames=75).values[0]
    assert torch.allclose(moving[:70, 1], (torch.arange(10, 80) + 0.5) / 80, atol=1e-3)
    assert moving[70:, 1].eq(moving[69, 1]).all()
    assert torch.allclose(moving[:, 0], torch.tensor(0.7))


def test_several_tokenisations_are_clips_of_their_own(tmp_path: Path):
    stores = [_store(tmp_path / name, frames=[12, 13]) for name in ("a", "b", "c")]
    recipe = _recipe(*stores)
    assert len(recipe.data) == 6
    assert torch.equal(recipe.data.codes(3), stores[1].codes(1))


def test_stores_that_do_not_fit_are_refused(tmp_path: Path):
    store = _labelled(tmp_path / "a")
    other = TokenSpec(sample_rate=8000, hop=100, codebooks=2, vocab=8, tokenizer="other")
    table = pa.table({"path": ["a"], "samples": [100]})
    write_store(tmp_path / "b", other, table, lambda rows: [_counting(1, True)])
    with pytest.raises(SpecError, match="another tokenizer"):
        _recipe(store, TokenStore.open(tmp_path / "b"))
    with pytest.raises(ParameterError, match="label 'down' is unknown"):
        _recipe(store, schema=Schema(("up",)))
    write_store(tmp_path / "c", SPEC, table.slice(0, 0), lambda rows: [])
    with pytest.raises(ParameterError, match="no clip"):
        _recipe(TokenStore.open(tmp_path / "c"))


def test_evaluation_hears_held_out_clips_only_and_changes_nothing(tmp_path: Path):
    recipe = _recipe(_labelled(tmp_path / "s"))
    before = {name: weight.clone() for name, weight in recipe.learner.model.state_dict().items()}
    found = recipe.evaluate()
    assert set(found) == {"loss", "loss_codebook_0", "loss_codebook_1"}
    assert abs(found["loss"] - math.log(8)) < 0.5
    assert found == recipe.evaluate()
    assert all(torch.equal(weight, before[name]) for name, weight in recipe.learner.model.state_dict().items())
    assert _recipe(_store(tmp_path / "t", frames=[12])).evaluate() == {}


def test_a_resumed_run_is_the_unbroken_one(tmp_path: Path):
    store = _labelled(tmp_path / "s")
    whole = _recipe(store)
    losses = _fit(whole, 0, 8)
    broken = _recipe(store)
    _fit(broken, 0, 5)
    resumed = _recipe(store, settings=("shown.batch=4",))
    resumed.load_state_dict(broken.state_dict())
    assert _fit(resumed, 5, 8) == losses[5:]
    for name, weight in whole.weights().tensors.items():
        assert torch.equal(weight, resumed.weights().tensors[name])


@pytest.mark.parametrize("pattern", ["delay", "depth"])
def test_half_precision_learns_nearly_the_same(pattern: str, tmp_path: Path):
    store, settings = _labelled(tmp_path / "s"), (f"model.pattern={pattern}",)
    config = load_settings(SynthformerConfig, "", [*SMALL, *settings])
    half = synthformer_recipe(config, [store], engine=Engine(EngineSettings(precision="bf16", accelerator="cpu")))
    assert half.engine.precision == "bf16"
    for found, wanted in zip(_fit(half, 0, 4), _fit(_recipe(store, settings=settings), 0, 4), strict=True):
        assert abs(found - wanted) < 0.02


def test_the_same_seed_gives_the_same_run_and_another_a_different_one(tmp_path: Path):
    store = _labelled(tmp_path / "s")
    assert _fit(_recipe(store), 0, 3) == _fit(_recipe(store), 0, 3)
    assert _fit(_recipe(store, settings=("train.seed=1",)), 0, 3) != _fit(_recipe(store), 0, 3)


def test_what_has_been_learnt_is_generated_on_demand(tmp_path: Path):
    settings = ("model.width=32", "model.dropout=0", "shown.corruption=0.05", "train.steps=150", "train.average=0.9")
    settings += ("train.learning_rate=0.01", "shown.batch=16", "shown.crop=16")
    recipe = _recipe(_labelled(tmp_path / "s"), settings=settings)
    _fit(recipe, 0, 150)
    assert recipe.evaluate()["loss"] < 0.4
    run = tmp_path / "run"
    run.mkdir()
    (run / "config.toml").write_text(to_toml(load_settings(SynthformerConfig, "", [*SMALL, *settings])))
    save_weights(run / "weights.safetensors", recipe.weights().tensors, recipe.weights().metadata)
    lm = load_synthformer(run)
    for label, step in (("up", 1), ("down", 7)):
        asked = condition(lm.schema, label=label, settings=[], seconds=0.4, frame_rate=SPEC.frame_rate)
        codes = generate(lm, asked, sampling=Sampling(temperature=0), seeds=[0])
        assert codes.shape == (1, 2, 32)
        assert ((codes[0, 0, 1:] - codes[0, 0, :-1]) % 8 == step).float().mean() > 0.9
    asked = condition(lm.schema, label="up", settings=[Setting("rate", (2, 4))], seconds=0.1, frame_rate=80.0)
    assert generate(lm, asked, sampling=Sampling(), seeds=[1]).shape == (1, 2, 8)
