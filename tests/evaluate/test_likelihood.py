"""Bits per token: nothing known costs log2 V, counts find what is in them, and the model's batches do not matter."""

import math

import pytest
import torch
from evaluate_fakes import SCHEMA, SPEC, VOCAB, ObedientLM, UniformLM, obey
from torch import Tensor

from smalti.core import Condition, ParameterError
from smalti.evaluate import ConditionedCodes, bits_per_token
from smalti.evaluate.likelihood import bound_bits, model_bits


def told(label: int, position: float, frames: int) -> Condition:
    condition = Condition.empty(1, frames, len(SCHEMA.parameters))
    condition.labels[:] = label
    condition.values[:, :, label] = position
    return condition


def clips() -> list[ConditionedCodes]:
    conditions = [told(label, position, frames) for label, position, frames in ((0, 0.2, 5), (1, 0.7, 9), (0, 0.9, 5))]
    return [ConditionedCodes(obey(c, seeds=[0])[0], c) for c in conditions]


def test_a_model_that_knows_nothing_pays_for_every_code() -> None:
    assert model_bits(UniformLM(), clips()) == pytest.approx(math.log2(VOCAB), abs=1e-6)


def test_a_model_that_knows_everything_pays_nothing_for_clips_of_any_length() -> None:
    assert model_bits(ObedientLM(), clips()) == pytest.approx(0, abs=1e-6)


def test_all_three_stand_side_by_side() -> None:
    scores = bits_per_token(UniformLM(), training=[clip.codes for clip in clips()], held_out=clips())
    assert scores.bigram < scores.unigram < math.log2(SPEC.vocab)
    assert scores.model == pytest.approx(math.log2(SPEC.vocab)) and scores.bound is None


def test_nothing_to_score_is_refused() -> None:
    with pytest.raises(ParameterError, match="held-out"):
        bits_per_token(UniformLM(), training=[], held_out=clips())


class Uniform(UniformLM):
    """Fills gaps evenly, in windows of 4."""

    window = 4

    def fill(self, codes: Tensor, condition: Condition, frames: Tensor | None = None) -> Tensor:
        assert codes.shape[2] <= 4 and condition.labels.shape == (len(codes), codes.shape[2])
        return torch.zeros(*codes.shape, VOCAB)


class Twins:
    """Knows that both codes of a frame are equal, and nothing else."""

    spec, schema, window = SPEC, SCHEMA, 3

    def fill(self, codes: Tensor, condition: Condition, frames: Tensor | None = None) -> Tensor:
        other = codes.flip(1)
        certain = 50.0 * torch.nn.functional.one_hot(other.clamp(max=VOCAB - 1), VOCAB).float()
        return torch.where((other == VOCAB)[..., None], 0.0, certain)


def test_a_model_that_fills_gaps_and_knows_nothing_pays_for_every_code() -> None:
    assert bound_bits(Uniform(), clips()) == pytest.approx(math.log2(VOCAB), abs=1e-6)


def test_the_bound_is_the_cost_of_the_codes_where_the_order_does_not_matter() -> None:
    """Of two equal codes the first costs log2 V and the second nothing, whichever comes first."""
    twins = [ConditionedCodes(torch.full((2, 1), code), told(0, 0.5, 1)) for code in (3, 4)]
    assert bound_bits(Twins(), twins, draws=64) == pytest.approx(math.log2(VOCAB) / 2, abs=0.01)


def test_a_model_that_fills_gaps_has_a_bound_and_no_order_of_its_own() -> None:
    class Filler:
        spec, schema, window, fill = SPEC, SCHEMA, 4, Uniform.fill

    scores = bits_per_token(Filler(), training=[clip.codes for clip in clips()], held_out=clips())
    assert scores.model is None and scores.bound == pytest.approx(math.log2(VOCAB))
