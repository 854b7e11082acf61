"""What every recipe of a token model shares: losses without blanks, fair corruption, weights that are kept."""

import pytest
import torch

from smalti.core import Parameter, Schema, TokenSpec
from smalti.store.words import from_words, to_words
from smalti.train import Engine, EngineSettings
from smalti.train.learner import Learner
from smalti.train.token_crops import corrupt
from smalti.train.token_lm import guess_losses
from smalti.train.token_settings import TrainConfig

ENGINE = Engine(EngineSettings(precision="32", accelerator="cpu"))


def test_blanks_have_no_loss():
    logits = torch.randn(2, 3, 5, 8, generator=torch.Generator().manual_seed(0))
    targets = torch.randint(8, (2, 3, 5), generator=torch.Generator().manual_seed(1))
    alone = guess_losses(logits[:, :, :4], targets[:, :, :4])
    targets[:, :, 4] = 8
    assert torch.allclose(guess_losses(logits, targets), alone)


def test_corruption_changes_a_share_of_each_row_and_no_blank():
    codes = torch.full((200, 2, 300), 3)
    codes[:, :, 250:] = 99
    changed = corrupt(codes, vocab=99, most=0.24, generator=torch.Generator().manual_seed(2))
    shares = (changed != codes)[:, :, :250].float().mean((1, 2))
    assert torch.equal(changed[:, :, 250:], codes[:, :, 250:])
    assert shares.max() < 0.3 and shares.min() < 0.02
    assert abs(shares.mean() - 0.12) < 0.02


def test_a_learner_is_built_from_its_seed_and_leaves_torchs_own_dice_alone():
    torch.manual_seed(7)
    before = torch.get_rng_state()
    first, again = (Learner(lambda: torch.nn.Linear(3, 2), TrainConfig(seed=4), ENGINE) for _ in range(2))
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(first.model.weight, again.model.weight)


def test_only_matrices_decay():
    learner = Learner(lambda: torch.nn.Linear(3, 2), TrainConfig(weight_decay=0.3), ENGINE)
    shapes = {
        group["weight_decay"]: [weight.ndim for weight in group["params"]] for group in learner.optimiser.param_groups
    }
    assert shapes == {0.3: [2], 0.0: [1]}


@pytest.mark.parametrize("wrong", [float("nan"), float("inf")])
def test_a_loss_that_is_not_finite_moves_neither_weights_nor_average(wrong: float):
    learner = Learner(lambda: torch.nn.Linear(3, 2), TrainConfig(warmup=0), ENGINE)
    learner.step(0, lambda network: network(torch.ones(1, 3)).square().sum())
    kept = {name: weight.clone() for name, weight in learner.tensors().items()}
    weights = {name: weight.clone() for name, weight in learner.model.state_dict().items()}
    learner.step(1, lambda network: network(torch.ones(1, 3)).sum() * wrong)
    assert all(torch.equal(weight, kept[name]) for name, weight in learner.tensors().items())
    assert all(torch.equal(weight, weights[name]) for name, weight in learner.model.state_dict().items())


def test_spec_and_schema_survive_as_words():
    spec = TokenSpec(sample_rate=8000, hop=100, codebooks=3, vocab=11, tokenizer="toy")
    schema = Schema(("rain", "wind"), (Parameter(name="rate", label="rain", unit="Hz", low=1, high=16, scale="log"),))
    assert from_words(to_words(spec, schema)) == (spec, schema)
