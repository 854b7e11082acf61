"""Bits per token: nothing known costs log2 V, counts find what is in them, and the model's batches do not matter."""

import math

import pytest
import torch
from evaluate_fakes import SCHEMA, SPEC, VOCAB, ObedientLM, UniformLM, obey

from smalti.core import Condition, ParameterError
from smalti.evaluate import ConditionedCodes, bits_per_token
from smalti.evaluate.likelihood import counted_bits, model_bits


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


def test_the_unigram_finds_the_entropy_of_its_codes_per_codebook() -> None:
    generator = torch.Generator().manual_seed(0)
    codes = [torch.stack([torch.randint(4, (900,), generator=generator), torch.full((900,), 7)]) for _ in range(8)]
    unigram, bigram = counted_bits(codes[:6], codes[6:], vocab=16)
    assert unigram == pytest.approx(math.log2(4) / 2, abs=0.02)
    assert bigram == pytest.approx(unigram, abs=0.02)


def test_the_bigram_knows_the_frame_before() -> None:
    steps = torch.arange(300)
    codes = [torch.stack([(steps + s) % 8, (3 * steps + s) % 8]) for s in (0, 1, 5)]
    unigram, bigram = counted_bits(codes[:2], codes[2:], vocab=8)
    assert unigram == pytest.approx(3, abs=0.01)
    assert bigram < 0.1


def test_the_bigram_knows_the_codebook_above() -> None:
    generator = torch.Generator().manual_seed(0)
    first = [torch.randint(8, (700,), generator=generator) for _ in range(4)]
    codes = [torch.stack([row, 7 - row]) for row in first]
    _, bigram = counted_bits(codes[:3], codes[3:], vocab=8)
    assert bigram == pytest.approx(3 / 2, abs=0.05)


def test_codes_that_training_never_used_cost_bits_but_not_infinitely_many() -> None:
    unigram, bigram = counted_bits([torch.zeros(2, 50, dtype=torch.int64)], [torch.full((2, 9), 5)], vocab=8)
    assert 3 < unigram < 20
    assert 3 < bigram < 20


def test_all_three_stand_side_by_side() -> None:
    scores = bits_per_token(UniformLM(), training=[clip.codes for clip in clips()], held_out=clips())
    assert scores.bigram < scores.unigram < scores.model == pytest.approx(math.log2(SPEC.vocab))


def test_nothing_to_score_is_refused() -> None:
    with pytest.raises(ParameterError, match="held-out"):
        bits_per_token(UniformLM(), training=[], held_out=clips())
