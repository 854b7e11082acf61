"""A prompt that is changed, a seam behind it and a recital of the training tokens are each caught."""

import math

import pytest
import torch
from evaluate_fakes import HOP, RATE, SCHEMA, SPEC, VOCAB, ObedientLM, UniformLM, obey
from torch import Tensor

from smalti.core import Condition, ParameterError, Tokens
from smalti.evaluate import ConditionedCodes, ContinuationScore, ContinuationSettings, evaluate_continuation

FRAMES = 21
SETTINGS = ContinuationSettings(prompt=8 * HOP / RATE, seconds=24 * HOP / RATE, join=4 * HOP / RATE,
                                copied=6 * HOP / RATE)  # fmt: skip


def told(percent: float) -> Condition:
    condition = Condition.empty(1, FRAMES, 2)
    condition.labels[:], condition.values[..., 0] = 0, SCHEMA.parameters[0].normalise(percent)
    return condition


def clips() -> list[ConditionedCodes]:
    asked = [told(percent) for percent in (10.0, 40.0, 80.0)]
    return [ConditionedCodes(obey(condition, seeds=[0])[0].clone(), condition) for condition in asked]


def babble(rows: int, frames: int) -> Tensor:
    return torch.randint(VOCAB, (rows, 2, frames), generator=torch.Generator().manual_seed(5))


def going_on(condition: Condition, *, seeds: object, prompt: Tokens) -> Tensor:
    new = obey(condition, seeds=range(len(condition.labels)))
    return torch.cat([prompt.codes, new], dim=2)


def chattering(condition: Condition, *, seeds: object, prompt: Tokens) -> Tensor:
    return torch.cat([prompt.codes, babble(*condition.labels.shape)], dim=2)


def score(model: object, lm: UniformLM | None = None, **changes: object) -> ContinuationScore | None:
    return evaluate_continuation(lm or UniformLM(), model, held_out=clips(), settings=SETTINGS, **changes)


def test_a_model_that_keeps_its_prompt_and_goes_on_evenly_has_no_seam() -> None:
    found = score(chattering)
    assert found is not None
    assert found.kept == 1 and found.clips == 3 and found.copy_rate is None
    assert found.join_bits == pytest.approx(math.log2(VOCAB)) == found.interior_bits
    assert found.join_ratio == pytest.approx(1)


def test_a_model_that_changes_its_prompt_is_caught() -> None:
    def forgetful(condition: Condition, *, seeds: object, prompt: Tokens) -> Tensor:
        codes = going_on(condition, seeds=seeds, prompt=prompt)
        codes[0, 1, 3] += 1
        return codes

    found = score(forgetful)
    assert found is not None and found.kept == pytest.approx(1 - 1 / (3 * 2 * 8))


def test_a_seam_is_caught() -> None:
    def stumbling(condition: Condition, *, seeds: object, prompt: Tokens) -> Tensor:
        codes = going_on(condition, seeds=seeds, prompt=prompt)
        codes[:, 0, 8:10] = (codes[:, 0, 8:10] + 3) % VOCAB
        return codes

    found = score(stumbling, ObedientLM())
    assert found is not None and found.join_bits > 10 and found.join_ratio > 2


def test_a_copier_is_caught_and_a_talker_is_not() -> None:
    def copying(condition: Condition, *, seeds: object, prompt: Tokens) -> Tensor:
        return torch.cat([prompt.codes, babble(1, 40)[:, :, 5:29].expand(len(condition.labels), -1, -1)], dim=2)

    training = [babble(1, 40)[0]]
    copied, talked = score(copying, training=training), score(going_on, training=training)
    assert copied is not None and copied.copy_rate == 1
    assert talked is not None and talked.copy_rate == 0


def test_what_is_asked_is_what_the_prompt_ends_with() -> None:
    heard: list[Condition] = []

    def listening(condition: Condition, *, seeds: object, prompt: Tokens) -> Tensor:
        heard.append(condition)
        assert prompt.codes.shape == (3, 2, 8) and prompt.spec == SPEC
        return going_on(condition, seeds=seeds, prompt=prompt)

    score(listening)
    assert heard[0].labels.shape == (3, 24)
    assert heard[0].values[:, 5, 0].tolist() == pytest.approx([0.1, 0.4, 0.8])


def test_many_clips_are_taken_evenly() -> None:
    few = ContinuationSettings(prompt=8 * HOP / RATE, seconds=24 * HOP / RATE, join=4 * HOP / RATE, most=2)
    found = evaluate_continuation(UniformLM(), going_on, held_out=clips(), settings=few)
    assert found is not None and found.clips == 2


def test_clips_that_are_shorter_than_a_prompt_are_left_out() -> None:
    short = [ConditionedCodes(clip.codes[:, :7], clip.condition.at(slice(0, 7))) for clip in clips()]
    assert evaluate_continuation(UniformLM(), going_on, held_out=short, settings=SETTINGS) is None
    with pytest.raises(ParameterError, match="a join shorter"):
        ContinuationSettings(join=5.0)
