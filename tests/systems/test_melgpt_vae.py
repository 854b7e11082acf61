"""The GPT-VAE as a model: latents steer every code, every frame is heard, and a view is a language model of its own."""

import dataclasses

import pytest
import torch

from smalti.config import load_settings
from smalti.core import Condition, ConfigError, LatentLM, ParameterError, Schema, SpecError, TokenLM, Tokens, TokenSpec
from smalti.generate import Sampling, generate
from smalti.systems.melgpt import MelGPTConfig, build_melgpt
from smalti.systems.melgpt.vae_model import GPTVAE

SPEC = TokenSpec(sample_rate=8000, hop=100, codebooks=3, vocab=11, tokenizer="toy")
SCHEMA = Schema(("dog", "drum"))
SMALL = ["model.kind=vae", "model.width=16", "model.layers=2", "model.heads=2", "model.window=7", "model.latent=5"]
SMALL += ["model.condition_width=6", "model.encoder.width=12", "model.encoder.heads=2", "objective.beta=1"]
SMALL += ["shown.crop=9"]


def _model(*overrides: str) -> GPTVAE:
    torch.manual_seed(4)
    model = build_melgpt(load_settings(MelGPTConfig, "", [*SMALL, *overrides]), SPEC, SCHEMA).eval()
    assert isinstance(model, GPTVAE)
    for weight in model.parameters():  # adaLN starts closed; open it so that there is something to hear
        torch.nn.init.normal_(weight, std=0.3)
    return model


def _tokens(*frames: int) -> Tokens:
    generator = torch.Generator().manual_seed(sum(frames))
    items = [torch.randint(11, (1, 3, n), generator=generator) for n in frames]
    return Tokens.batch(Tokens(codes, SPEC, torch.tensor([100 * codes.shape[2] - 7])) for codes in items)


def _latents(count: int) -> torch.Tensor:
    return torch.randn(count, 5, generator=torch.Generator().manual_seed(count))


def test_it_has_latents_and_so_does_a_view_have_none():
    model = _model()
    assert isinstance(model, LatentLM) and isinstance(model, TokenLM)
    view = model.at(_latents(2))
    assert isinstance(view, TokenLM) and not isinstance(view, LatentLM)
    assert (model.latent, model.heard, model.target_kl) == (5, 9, 0.0)


def test_a_latent_is_inferred_alone_as_in_any_batch():
    model, batch = _model(), _tokens(4, 9, 1, 7)
    together = model.infer(batch)
    for row, item in enumerate(batch.items()):
        alone = model.infer(item)
        torch.testing.assert_close(alone.mean[0], together.mean[row], rtol=0, atol=1e-4)
        torch.testing.assert_close(alone.log_variance[0], together.log_variance[row], rtol=0, atol=1e-4)


def test_every_frame_of_a_clip_reaches_its_latent_the_first_as_the_last():
    """The published encoder reads the last position only."""
    model, clip = _model(), _tokens(9)
    before = model.infer(clip).mean
    for frame in range(9):
        codes = clip.codes.clone()
        codes[0, 1, frame] = (codes[0, 1, frame] + 1) % 11
        moved = (model.infer(Tokens(codes, SPEC, clip.lengths)).mean - before).abs().max()
        assert moved > 1e-3, frame


def test_what_lies_behind_the_heard_frames_changes_nothing():
    model, long = _model(), _tokens(14)
    short = Tokens(long.codes[:, :, :9], SPEC, torch.tensor([900]))
    assert torch.equal(model.infer(long).mean, model.infer(short).mean)


@torch.no_grad()
def test_a_latent_changes_every_code_and_zero_is_the_middle():
    model, tokens = _model(), _tokens(6, 6)
    nothing = Condition.empty(2, 1, 0)
    one, other = (model.at(latents).logits(tokens.codes, nothing) for latents in (_latents(2), _latents(3)[:2]))
    assert ((one - other).abs().amax((1, 3)) > 1e-3).all()
    assert torch.equal(model.logits(tokens.codes, nothing), model.at(torch.zeros(1, 5)).logits(tokens.codes, nothing))


@torch.no_grad()
def test_a_view_alone_equals_the_view_of_several():
    model, tokens, latents = _model(), _tokens(6, 6, 6), _latents(3)
    nothing = Condition.empty(3, 1, 0)
    together = model.at(latents).logits(tokens.codes, nothing)
    for row in range(3):
        some = model.at(latents[row : row + 1]).logits(tokens.codes[row : row + 1], Condition.empty(1, 1, 0))
        torch.testing.assert_close(some[0], together[row], rtol=0, atol=1e-5)


def test_seeds_draw_latents_from_the_prior_each_its_own():
    """The published model has no way to sample from its prior."""
    model, told = _model(), Condition.empty(1, 8, 0)
    drawn = model.prior(range(4000))
    assert drawn.shape == (4000, 5) and torch.equal(drawn[7:8], model.prior([7]))
    assert drawn.mean(0).abs().max() < 0.06 and (drawn.std(0) - 1).abs().max() < 0.06
    by_seed = generate(model, told, sampling=Sampling(), seeds=[3, 4, 5])
    by_hand = generate(model.at(model.prior([4])), told, sampling=Sampling(), seeds=[4])
    assert torch.equal(by_seed[1:2], by_hand)
    same_dice = generate(model.at(model.prior([8, 9])), told, sampling=Sampling(), seeds=[4, 4])
    assert not torch.equal(same_dice[0], same_dice[1])


def test_guidance_keeps_each_rows_latent():
    model, latents = _model(), _latents(3)
    told = Condition(torch.tensor([[0] * 5, [1] * 5, [0] * 5]), torch.zeros(3, 5, 0))
    together = generate(model.at(latents), told, sampling=Sampling(guidance=2.0), seeds=[1, 2, 3])
    alone = generate(model.at(latents[1:2]), told.rows(torch.tensor([1])), sampling=Sampling(guidance=2.0), seeds=[2])
    assert torch.equal(together[1:2], alone)


def test_a_fixed_variance_is_that_of_every_posterior():
    belief = _model("objective.fix_var=0.25").infer(_tokens(4, 7))
    torch.testing.assert_close(belief.log_variance.exp(), torch.full((2, 5), 0.25))


def test_what_does_not_fit_is_refused_before_any_layer_runs():
    model, clip = _model(), _tokens(4)
    with pytest.raises(SpecError, match="found 000000000000, wanted toy"):
        model.infer(Tokens(clip.codes, dataclasses.replace(SPEC, tokenizer="0" * 64), clip.lengths))
    with pytest.raises(ParameterError, match="without a token frame"):
        model.infer(Tokens(clip.codes, SPEC, torch.tensor([0])))
    with pytest.raises(ParameterError, match="infer them again"):
        model.at(torch.zeros(2, 4))
    with pytest.raises(ParameterError, match="2 latents for 3 rows"):
        model.at(_latents(2)).stepper(3)
    with pytest.raises(ParameterError, match="label positions"):
        model.at(_latents(1)).logits(clip.codes, Condition(torch.tensor([[2]]), torch.zeros(1, 1, 0)))
    with pytest.raises(ParameterError, match="wanted evaluation"):
        model.train().infer(clip)


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (["objective.fb=2"], "target_kl above 0"),
        (["objective.beta=0", "objective.iw_train_nsamples=2"], "beta above 0"),
        (["model.kind=gpt"], "model.latent: unknown"),
        (["objective.fb=4", "objective.target_kl=1"], "wanted"),
    ],
)
def test_settings_that_mean_nothing_are_refused(overrides: list[str], words: str):
    with pytest.raises(ConfigError, match=words):
        load_settings(MelGPTConfig, "", [*SMALL, *overrides])


def test_an_objective_is_for_models_with_latents_only():
    with pytest.raises(
        ConfigError, match=r"objective: found .*, wanted a table for model\.kind vae, and none for others; this one is"
    ):
        load_settings(MelGPTConfig, "", ["model.kind=gpt", "objective.beta=1"])
    with pytest.raises(
        ConfigError, match=r"objective: found .*, wanted a table for model\.kind vae, and none for others; this one is"
    ):
        load_settings(MelGPTConfig, "", ["model.kind=vae"])


def test_the_published_sizes():
    """Encoder and decoder of 24 layers, 16 heads and width 1024: twice 302.3 million weights in their blocks."""
    from importlib.resources import files

    text = (files("smalti.systems.melgpt") / "presets" / "vae-vas.toml").read_text()
    grid = TokenSpec(sample_rate=22_050, hop=4096, codebooks=5, vocab=128, tokenizer="toy")
    with torch.device("meta"):
        model = build_melgpt(load_settings(MelGPTConfig, text), grid, SCHEMA)
    assert isinstance(model, GPTVAE) and model.latent == 1024
    for part in (model.encoder, model.decoder):
        assert 0.98 < sum(weight.numel() for weight in part.transformer.blocks.parameters()) / 302.3e6 < 1.02
