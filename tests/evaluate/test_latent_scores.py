"""Scores of latents, on a model whose answers are known."""

import math

import pytest
import torch

from smalti.core import Condition, LatentLM, ParameterError, Posterior, Schema, TokenLM, Tokens, TokenSpec
from smalti.evaluate import ConditionedCodes, latent_scores

SPEC = TokenSpec(sample_rate=8000, hop=100, codebooks=2, vocab=4, tokenizer="toy")


class Repeats:
    """Clips of one code each; a latent names the code, at `sure` logits, and the model believes it."""

    def __init__(self, code: torch.Tensor | None = None, *, variance: float = 1e-6):
        self.spec, self.schema, self.pattern = SPEC, Schema(("a", "b")), "flat"
        self.latent, self.heard, self.target_kl = 1, 9, 3.0
        self._code, self._variance = code, variance

    def infer(self, tokens: Tokens) -> Posterior:
        mean = tokens.codes[:, 0, :1].float()
        return Posterior(mean, torch.full_like(mean, math.log(self._variance)))

    def prior(self, seeds):
        return torch.zeros(len(seeds), 1)

    def at(self, latents):
        return Repeats(latents[:, 0])

    def logits(self, codes, condition):
        assert self._code is not None
        wanted = torch.nn.functional.one_hot(self._code.round().long().clamp(0, 3), 4).float()
        return (math.log(13) * wanted)[:, None, None].expand(-1, *codes.shape[1:], 4)  # p = 13/16 right, 1/16 wrong

    def stepper(self, batch):
        raise NotImplementedError


def _clip(code: int, frames: int, label: int = -1) -> ConditionedCodes:
    condition = Condition(torch.full((1, frames), label), torch.zeros(1, frames, 0))
    return ConditionedCodes(torch.full((2, frames), code), condition)


def test_the_right_latent_saves_what_the_wrong_one_costs():
    model = Repeats()
    assert isinstance(model, LatentLM) and isinstance(model.at(torch.zeros(1, 1)), TokenLM)
    found = latent_scores(model, [_clip(code, frames) for code, frames in ((0, 3), (1, 5), (3, 3))], iw_nsamples=4)
    assert found.bits_per_token == pytest.approx(math.log2(16 / 13), abs=1e-6)
    assert found.bits_per_token_shuffled == pytest.approx(4.0, abs=1e-6) and found.shuffled == "between all"
    assert (found.latent, found.target_kl, found.active_units, found.clips) == (1, 3.0, 1, 3)
    divergences = [0.5 * (code**2 + 1e-6 - math.log(1e-6) - 1) for code in (0, 1, 3)]
    assert found.kl == pytest.approx(sum(divergences) / 3, rel=1e-5)
    assert found.mutual_information == pytest.approx(math.log(3), abs=1e-3)


def test_the_bounds_pay_for_what_the_latent_told():
    clips = [_clip(code, frames) for code, frames in ((0, 3), (1, 5), (3, 3))]
    few, many = (latent_scores(Repeats(variance=0.01), clips, iw_nsamples=count) for count in (1, 64))
    tokens = 2 * (3 + 5 + 3)
    assert few.bits_per_token_iw == pytest.approx(few.bits_per_token_bound)
    assert many.bits_per_token_iw <= many.bits_per_token_bound
    paid = many.bits_per_token_bound - many.bits_per_token
    assert paid == pytest.approx(3 * many.kl / tokens / math.log(2), rel=0.05)


def test_within_labels_only_the_latent_is_wrong():
    clips = [_clip(0, 3, 0), _clip(0, 3, 0), _clip(2, 3, 1), _clip(2, 3, 1), _clip(2, 3, 1)]
    found = latent_scores(Repeats(), clips)
    assert found.shuffled == "within labels"
    assert found.bits_per_token_shuffled == pytest.approx(found.bits_per_token)  # clips of a label are all alike here
    lonely = latent_scores(Repeats(), clips[1:])
    assert lonely.shuffled == "between all" and lonely.bits_per_token_shuffled > lonely.bits_per_token


def test_one_clip_has_nobody_to_be_mistaken_for():
    with pytest.raises(ParameterError, match="found 1 clips"):
        latent_scores(Repeats(), [_clip(0, 3)])
