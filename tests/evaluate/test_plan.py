"""What is asked of a model: every value of every sweep, every label, and as many nulls, each with a seed of its own."""

import pytest
import torch
from evaluate_fakes import measured_level

from smalti.core import Parameter, ParameterError, Schema
from smalti.evaluate.plan import Request, condition_of, plan
from smalti.evaluate.sweeps import Sweep, null_values

RATE = Parameter(name="rate", label="rain", unit="Hz", low=1.0, high=100.0, scale="log")
SIZE = Parameter(name="size", label="rain", low=0.0, high=2.0)
LOUD = Parameter(name="loud", low=-60.0, high=0.0, unit="dB")
SCHEMA = Schema(("wind", "rain", "fire"), (RATE, SIZE, LOUD))
RAIN = Sweep(label="rain", name="rate", values=(1.0, 10.0, 100.0), measure=measured_level, fixed={"size": 0.5})
ALL = Sweep(label=None, name="loud", values=(-60.0, -15.0), measure=measured_level)


def test_every_question_has_its_requests() -> None:
    asked = plan(SCHEMA, [RAIN, ALL], null_clips=4, clips_per_label=5, seed=3)
    assert asked.asked == {"rain.rate": range(3), "loud": range(3, 5)}
    assert [r.label for r in asked.requests[5 : asked.judged]] == ["wind"] * 5 + ["fire"] * 5
    assert asked.null == {"rain": range(15, 19), None: range(19, 23)}
    assert all(not r.values for r in asked.requests[asked.judged :])
    assert len({r.seed for r in asked.requests}) == len(asked.requests) == 23


def test_a_model_without_labels_is_asked_for_anything() -> None:
    asked = plan(Schema(), [], null_clips=4, clips_per_label=2, seed=0)
    assert [(r.label, r.values) for r in asked.requests] == [(None, {}), (None, {})]
    assert asked.judged == 2 and not asked.null


def test_a_condition_holds_what_was_asked_and_nothing_else() -> None:
    requests = [Request("rain", {"rate": 10.0, "size": 0.5}, 0), Request(None, {"loud": -15.0}, 1)]
    condition = condition_of(requests, schema=SCHEMA, frames=7)
    assert condition.labels.shape == (2, 7)
    assert condition.labels[:, 6].tolist() == [1, -1]
    assert torch.allclose(condition.values[0, :, :2], torch.tensor([0.5, 0.25]).expand(7, 2))
    assert condition.values[0, :, 2].isnan().all() and condition.values[1, :, :2].isnan().all()
    assert condition.values[1, 3, 2] == pytest.approx(0.75)


def test_a_parameter_is_asked_for_once() -> None:
    with pytest.raises(ParameterError, match="again"):
        plan(SCHEMA, [RAIN, RAIN], null_clips=4, clips_per_label=5, seed=3)


def test_values_dealt_to_the_null_are_all_in_use_and_shuffled() -> None:
    dealt = null_values((1.0, 2.0, 3.0), clips=9, generator=torch.Generator().manual_seed(2))
    assert sorted(dealt) == [1.0] * 3 + [2.0] * 3 + [3.0] * 3
    assert dealt != sorted(dealt)
