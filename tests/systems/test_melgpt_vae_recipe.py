"""How the GPT-VAE learns: the weight of its divergence, what is hidden from whom, two stages, and exact resume."""

import math
from pathlib import Path

import pyarrow as pa
import pytest
import torch

from smalti.config import load_settings
from smalti.core import TokenSpec
from smalti.store import TokenStore, write_store
from smalti.systems.melgpt import MelGPTConfig, melgpt_recipe
from smalti.systems.melgpt.vae_objective import ObjectiveConfig, clip_likelihood, freeze_step, terms, weight_course
from smalti.systems.melgpt.vae_recipe import VAERecipe, hide
from smalti.train import BeginsElsewhere, Engine, EngineSettings, NamesClips, Recipe

SPEC = TokenSpec(sample_rate=8000, hop=100, codebooks=2, vocab=8, tokenizer="toy")
SMALL = ["model.kind=vae", "model.width=16", "model.layers=1", "model.heads=2", "model.window=5", "model.latent=4"]
SMALL += ["model.condition_width=8", "model.encoder.width=8", "model.encoder.heads=2", "model.encoder.layers=1"]
SMALL += ["shown.batch=4", "shown.crop=9", "train.steps=20", "engine.precision='32'"]


def _store(folder: Path, frames: tuple[int, ...] = (9, 12, 9, 11, 10, 9)) -> TokenStore:
    if not folder.exists():
        starts = torch.arange(len(frames)) % 8
        codes = [
            torch.stack([(torch.arange(n) + s) % 8, (3 * s).expand(n) % 8]) for n, s in zip(frames, starts, strict=True)
        ]
        columns = {"path": [f"{row}.wav" for row in range(len(frames))], "samples": [100 * n - 3 for n in frames]}
        table = pa.table({**columns, "split": ["train"] * (len(frames) - 2) + ["test"] * 2})
        write_store(folder, SPEC, table, lambda rows: [codes[row] for row in rows])
    return TokenStore.open(folder)


def _recipe(folder: Path, *overrides: str) -> VAERecipe:
    config = load_settings(MelGPTConfig, "", [*SMALL, "objective.beta=1", *overrides])
    recipe = melgpt_recipe(config, [_store(folder / "tokens")], engine=Engine(EngineSettings(precision="32")))
    assert isinstance(recipe, VAERecipe)
    return recipe


def _fit(recipe: VAERecipe, first: int, last: int) -> list[dict[str, float]]:
    found: list[dict[str, float]] = []
    for step in range(first, last):
        torch.manual_seed(step)
        found.append(dict(recipe.step(recipe.batch(step), step)))
    return found


def _weights(recipe: VAERecipe, part: str = "") -> dict[str, torch.Tensor]:
    state = recipe.learner.model.state_dict()
    return {name: weight.clone() for name, weight in state.items() if name.startswith(part)}


def _same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def _objective(*overrides: str) -> ObjectiveConfig:
    return load_settings(ObjectiveConfig, "", overrides)


def test_it_is_a_recipe_that_names_its_clips_and_can_begin_elsewhere(tmp_path: Path):
    recipe = _recipe(tmp_path)
    assert isinstance(recipe, Recipe) and isinstance(recipe, NamesClips) and isinstance(recipe, BeginsElsewhere)
    assert sorted(recipe.clips(0)) == ["0.wav", "1.wav", "2.wav", "3.wav"]


def test_a_batch_is_a_pure_function_of_the_step(tmp_path: Path):
    recipe, again = _recipe(tmp_path), _recipe(tmp_path)
    for step in (0, 5, 2):
        first, second = recipe.batch(step), again.batch(step)
        assert torch.equal(first.crops.inputs, second.crops.inputs) and torch.equal(first.seen, second.seen)


def test_beta_is_a_weight_and_not_a_switch():
    """In the published code every beta but 0 acts as 1."""
    course = weight_course(_objective("beta=0.3", "kl_start=0", "warm_up=0.5"), steps=10, epoch=3)
    assert [round(course.at(step), 3) for step in range(10)] == [0.06, 0.12, 0.18, 0.24, 0.3, 0.3, 0.3, 0.3, 0.3, 0.3]
    half = weight_course(_objective("beta=0.3", "kl_start=0.5", "warm_up=1"), steps=4, epoch=3)
    assert [round(half.at(step), 4) for step in range(4)] == [0.1875, 0.225, 0.2625, 0.3]
    assert weight_course(_objective("beta=0.3"), steps=4, epoch=3).at(0) == 0.3


@pytest.mark.parametrize("world", [1, 2])
def test_an_epoch_is_counted_in_optimiser_steps_of_all_processes(world: int, tmp_path: Path):
    """The published warm-up ignores how many processes share an epoch: with two it would take twice as long."""
    objective = _objective("kl_start=0", "warm_up=2", "freeze=3", "unit=epochs")
    epoch = 48 / (4 * world)  # clips / (batch · processes)
    assert weight_course(objective, steps=100, epoch=epoch).warmup_steps == 24 // world
    assert freeze_step(objective, steps=100, epoch=epoch) == 36 // world
    assert freeze_step(_objective(), steps=100, epoch=epoch) is None


def test_without_beta_nothing_is_drawn_and_nothing_is_charged(tmp_path: Path):
    """In the published first stage noise is still added."""
    found: list[dict[str, float]] = []
    for seed in (1, 2):
        recipe = _recipe(tmp_path, "objective.beta=0", "model.dropout=0", "model.encoder.dropout=0")
        torch.manual_seed(seed)
        found.append(dict(recipe.step(recipe.batch(0), 0)))
    assert found[0] == found[1] and found[0]["kl_weight"] == 0 and found[0]["loss"] == found[0]["loss_rc"]
    noisy: list[float] = []
    for seed in (1, 2):
        recipe = _recipe(tmp_path, "model.dropout=0", "model.encoder.dropout=0")
        recipe.learner.model.get_parameter("decoder.transformer.modulation.project.weight").data.normal_()
        torch.manual_seed(seed)
        noisy.append(recipe.step(recipe.batch(0), 0)["loss_rc"])
    assert noisy[0] != noisy[1]


def test_the_loss_is_reconstruction_and_weighted_divergence_in_nats_per_clip():
    logits = torch.zeros(3, 2, 4, 8)
    targets = torch.randint(8, (3, 2, 4), generator=torch.Generator().manual_seed(0))
    targets[0, :, 3] = 8  # padding
    likelihood = clip_likelihood(logits, targets)
    assert likelihood.tolist() == pytest.approx([-6 * math.log(8), -8 * math.log(8), -8 * math.log(8)])
    mean = torch.tensor([[2.0, 0.0], [0.0, 0.0], [0.0, 0.0]])
    parts = {"latents": mean[None], "mean": mean, "log_variance": torch.zeros(3, 2)}
    found = terms(_objective("beta=0.5"), likelihood=likelihood[None], weight=0.25, **parts)
    assert float(found.divergence) == pytest.approx(2 / 3)
    assert float(found.loss) == pytest.approx(22 * math.log(8) / 3 + 0.25 * 2 / 3)
    free = _objective("fb=1", "target_kl=3")
    assert float(terms(free, likelihood=likelihood[None], weight=1.0, **parts).loss - found.reconstruction) == 3.0


@pytest.mark.parametrize(
    "overrides",
    [
        ("objective.nsamples=3",),
        ("objective.iw_train_nsamples=4", "objective.iw_train_ns=2"),
        ("objective.fb=2", "objective.target_kl=8", "objective.parity=true"),
        ("objective.fb=3", "objective.target_kl=8", "objective.fix_var=0.5"),
        ("objective.encoder_dropout=0.5", "shown.corruption=0.2", "model.pattern=delay"),
    ],
)
def test_every_published_option_runs(overrides: tuple[str, ...], tmp_path: Path):
    """In the published code an importance-weighted loss calls a function that is not there."""
    recipe = _recipe(tmp_path, *overrides)
    found = _fit(recipe, 0, 3)
    assert all(math.isfinite(value) for metrics in found for value in metrics.values())
    assert {"loss", "loss_rc", "loss_kl", "kl_weight", "learning_rate"} == found[0].keys()


def test_more_draws_make_an_importance_weighted_loss_no_larger():
    generator = torch.Generator().manual_seed(3)
    mean, log_variance = torch.randn(5, 4, generator=generator), torch.zeros(5, 4)
    latents = mean + torch.randn(8, 5, 4, generator=generator)
    parts = {"latents": latents, "mean": mean, "log_variance": log_variance}
    likelihood = -torch.rand(8, 5, generator=generator)
    losses = [
        float(terms(_objective(f"iw_train_nsamples={k}", f"iw_train_ns={8 // k}"), likelihood=likelihood, weight=1.0,
                    **parts).loss)
        for k in (1, 2, 8)
    ]  # fmt: skip
    assert losses[0] >= losses[1] >= losses[2]


def test_hidden_codes_are_hidden_from_one_side_only(tmp_path: Path):
    recipe = _recipe(tmp_path, "objective.word_dropout=1", "shown.corruption=0")
    batch = recipe.batch(0)
    assert batch.crops.inputs.eq(8).all() and torch.equal(batch.seen, batch.crops.targets)
    codes = torch.zeros(50, 2, 100, dtype=torch.int64)
    hidden = hide(codes, blank=8, chance=0.2, generator=torch.Generator().manual_seed(0))
    assert abs((hidden == 8).float().mean() - 0.2) < 0.01 and torch.equal(hidden.unique(), torch.tensor([0, 8]))


def test_a_frozen_encoder_stays_as_it_is_while_the_decoder_learns(tmp_path: Path):
    recipe = _recipe(tmp_path, "objective.freeze=0.2", "train.weight_decay=0.5")
    _fit(recipe, 0, 4)
    encoder, decoder = _weights(recipe, "encoder."), _weights(recipe, "decoder.")
    assert not _same(encoder, _weights(_recipe(tmp_path), "encoder."))
    _fit(recipe, 4, 7)
    assert _same(encoder, _weights(recipe, "encoder.")) and not _same(decoder, _weights(recipe, "decoder."))


@pytest.mark.parametrize("at", [1, 5])
def test_a_resumed_run_is_the_unbroken_one(at: int, tmp_path: Path):
    overrides = (
        "objective.kl_start=0",
        "objective.warm_up=0.5",
        "objective.freeze=0.3",
        "objective.encoder_dropout=0.2",
    )
    whole, first, second = (_recipe(tmp_path, *overrides) for _ in range(3))
    losses = _fit(whole, 0, 9)
    assert losses[:at] == _fit(first, 0, at)
    second.load_state_dict(first.state_dict())
    assert losses[at:] == _fit(second, at, 9)
    assert all(torch.equal(one, second.weights().tensors[name]) for name, one in whole.weights().tensors.items())


def test_an_evaluation_means_the_same_whatever_the_weight_is_by_then(tmp_path: Path):
    """In the published code the validation loss changes its meaning with the weight."""
    slow = _recipe(tmp_path, "objective.beta=0.5", "objective.kl_start=0", "objective.warm_up=1")
    found: list[dict[str, float]] = []
    for step in (0, 15):
        slow.learner.rate.at(step)
        torch.manual_seed(0)
        found.append(dict(slow.evaluate()))
    assert found[0] == found[1]
    assert found[0]["loss"] == pytest.approx(found[0]["loss_rc"] + 0.5 * found[0]["loss_kl"])
    assert found[0]["nll"] == pytest.approx(found[0]["loss_rc"] + found[0]["loss_kl"])
    tokens = 2 * (10 + 9) / 2
    assert found[0]["ppl"] == pytest.approx(math.exp(found[0]["nll"] / tokens), rel=1e-5)
    assert found[0].keys() == {"loss", "loss_rc", "loss_kl", "nll", "ppl", "mutual_information", "active_units"}


def test_a_latent_learns_what_the_past_does_not_tell(tmp_path: Path):
    """The second code of every clip is its own; with all inputs hidden only a latent can tell it."""
    overrides = ["objective.word_dropout=1", "train.steps=60", "train.learning_rate=1e-2", "shown.corruption=0"]
    overrides += ["model.dropout=0", "model.encoder.dropout=0", "objective.fb=2", "objective.target_kl=4"]
    recipe = _recipe(tmp_path, *overrides)
    found = _fit(recipe, 0, 60)
    late = sum(metrics["loss_rc"] for metrics in found[-10:]) / 10
    assert late < 0.7 * found[0]["loss_rc"] and found[-1]["loss_kl"] > 2
