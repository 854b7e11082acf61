"""Laws of the masked token model: both sides are heard, padding is not, rows never meet."""

import pytest
import torch

from smalti.core import Condition, MaskedLM, Parameter, ParameterError, Schema, TokenLM, TokenSpec
from smalti.nn.masked_lm import MaskedTransformer
from smalti.nn.transformer import TransformerSettings

SPEC = TokenSpec(sample_rate=8000, hop=100, codebooks=3, vocab=11, tokenizer="toy")
SCHEMA = Schema(("rain", "wind"), (Parameter(name="rate", label="rain"),))


def _model() -> MaskedTransformer:
    torch.manual_seed(3)
    sizes = TransformerSettings(width=16, layers=2, heads=2, window=17, condition_width=12, dropout=0.2)
    model = MaskedTransformer(spec=SPEC, schema=SCHEMA, transformer=sizes).eval()
    for weight in model.parameters():  # adaLN starts closed; open it so that there is something to see
        torch.nn.init.normal_(weight, std=0.3)
    return model


def _codes(batch: int = 2, frames: int = 13) -> torch.Tensor:
    codes = torch.randint(SPEC.vocab, (batch, 3, frames), generator=torch.Generator().manual_seed(5))
    codes[:, 1, 4:7] = SPEC.vocab
    return codes


def _told(batch: int = 2) -> Condition:
    return Condition(torch.arange(batch)[:, None] % 2, torch.full((batch, 1, 1), 0.3))


def test_it_is_a_masked_lm_and_no_causal_one():
    assert isinstance(_model(), MaskedLM)
    assert not isinstance(_model(), TokenLM)


@torch.no_grad()
@pytest.mark.parametrize("place", [0, 5, 12])
def test_every_frame_hears_what_lies_before_and_behind(place: int):
    model, codes = _model(), _codes()
    before = model.fill(codes, _told())
    codes[:, 0, place] = (codes[:, 0, place] + 1) % SPEC.vocab
    assert (model.fill(codes, _told()) != before).any(-1).any(1).all()


@torch.no_grad()
def test_padding_is_never_heard():
    model, codes = _model(), _codes()
    frames = torch.tensor([13, 8])
    dirty = codes.clone()
    dirty[1, :, 8:] = 7
    codes[1, :, 8:] = SPEC.vocab
    found, again = model.fill(codes, _told(), frames), model.fill(dirty, _told(), frames)
    assert torch.equal(found[1, :, :8], again[1, :, :8])
    alone = model.fill(codes[1:, :, :8], _told().rows(torch.tensor([1])))
    assert (found[1:, :, :8] - alone).abs().max() < 1e-5


@torch.no_grad()
def test_rows_of_a_batch_never_meet():
    model, codes = _model(), _codes(4)
    together = model.fill(codes, _told(4))
    for row in range(4):
        alone = model.fill(codes[row : row + 1], _told(4).rows(torch.tensor([row])))
        assert (together[row] - alone[0]).abs().max() < 1e-5


def test_gradients_reach_every_weight():
    model = _model().train()
    model.fill(_codes(), _told()).square().mean().backward()
    assert all(weight.grad is not None and weight.grad.any() for weight in model.parameters())


def test_what_does_not_fit_is_refused_before_any_layer_runs():
    model, codes = _model(), _codes()
    refusals = [
        (codes[:, :2], _told(), "2 codebooks, this model 3"),
        (codes + 1, _told(), "never clamped"),
        (_codes(frames=18), _told(), "found 18 frames, this model hears 17 at once"),
        (codes, Condition(torch.full((2, 1), 2), torch.zeros(2, 1, 1)), "label positions"),
        (codes, Condition.empty(2, 1, 3), "3 parameters, this model 1"),
    ]
    for given, told, words in refusals:
        with pytest.raises(ParameterError, match=words):
            model.fill(given, told)
