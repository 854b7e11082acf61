"""Settings as people write them: constant, ramp, breakpoints, in the parameter's own unit and scale."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from smalti.core import Parameter, ParameterError, Schema
from smalti.generate import SETTING_HELP, Setting, batch_conditions, condition, parse_setting

SCHEMA = Schema(
    ("pistons", "wind"),
    (
        Parameter(name="rate", label="pistons", unit="Hz", low=1, high=16, scale="log"),
        Parameter(name="force", label="wind", low=-1, high=3),
        Parameter(name="level"),
    ),
)


def _course(text: str, *, label: str | None = "pistons", seconds: float = 10.0) -> torch.Tensor:
    setting = parse_setting(text)
    asked = condition(SCHEMA, label=label, settings=[setting], seconds=seconds, frame_rate=8.0)
    return asked.values[0, :, SCHEMA.parameter_index(setting.name, label)]


def test_the_three_ways_of_writing():
    assert parse_setting("rate=0.3") == Setting("rate", (0.3,))
    assert parse_setting("rate=0:1") == Setting("rate", (0.0, 1.0))
    assert parse_setting(" rate = 0:2, 10:16") == Setting("rate", (2.0, 16.0), (0.0, 10.0))


@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=5))
def test_breakpoints_survive_being_written(values: list[float]):
    text = "x=" + ",".join(f"{second}:{value!r}" for second, value in enumerate(values))
    assert parse_setting(text) == Setting("x", tuple(values), tuple(map(float, range(len(values)))))


@pytest.mark.parametrize(
    "text",
    ["rate", "rate=", "=3", "rate=a", "rate=1,2", "rate=1:2:3", "rate=0:1,2", "rate=nan", "rate=0:1,", "rate=:1"],
)
def test_what_cannot_be_read_says_how_to_write_it(text: str):
    with pytest.raises(ParameterError, match="cannot be read; write name=0"):
        parse_setting(text)


@pytest.mark.parametrize("text", ["rate=5:1,2:2", "rate=0:1,0:2", "rate=-1:1,2:2"])
def test_seconds_must_grow(text: str):
    with pytest.raises(ParameterError, match="must grow"):
        parse_setting(text)


def test_a_constant_is_normalised_once_for_all_frames():
    assert torch.allclose(_course("rate=4"), torch.full((80,), 0.5))


def test_a_ramp_is_even_in_the_parameters_own_scale():
    course = _course("rate=1:16")
    assert torch.allclose(course, (torch.arange(80) + 0.5) / 80)
    assert math.isclose(SCHEMA.parameters[0].denormalise(float(course[39:41].mean())), 4, rel_tol=1e-5)
    assert torch.allclose(_course("force=3:-1", label="wind"), 1 - (torch.arange(80) + 0.5) / 80, atol=1e-6)


def test_breakpoints_hold_before_the_first_and_behind_the_last():
    course = _course("rate=2:1,4:16,8:4")
    assert course[:16].eq(0).all()
    assert torch.allclose(course[16:32], (torch.arange(16) + 0.5) / 16, atol=1e-6)
    assert torch.allclose(course[64:], torch.tensor(0.5))


def test_what_is_not_set_is_absent():
    asked = condition(SCHEMA, label="wind", settings=[], seconds=0.3, frame_rate=8.0)
    assert asked.labels.tolist() == [[1, 1, 1]]
    assert asked.values.isnan().all()
    assert condition(SCHEMA, label=None, settings=[], seconds=1, frame_rate=8.0).labels.eq(-1).all()


@pytest.mark.parametrize(
    ("text", "label", "words"),
    [
        ("rat=4", "pistons", "did you mean 'rate'"),
        ("force=1", "pistons", "does not belong to pistons"),
        ("rate=4", None, "does not belong to this model; known: level"),
        ("rate=4", "pistns", "did you mean 'pistons'"),
        ("rate=1:17", "pistons", "pistons.rate=17 Hz is outside 1…16"),
    ],
)
def test_what_the_model_does_not_know_is_refused_with_the_nearest(text: str, label: str | None, words: str):
    with pytest.raises(ParameterError, match=words):
        condition(SCHEMA, label=label, settings=[parse_setting(text)], seconds=1, frame_rate=8.0)


def test_a_parameter_is_set_once_and_a_length_is_positive():
    twice = [Setting("rate", (2,)), Setting("rate", (3,))]
    with pytest.raises(ParameterError, match="set twice"):
        condition(SCHEMA, label="pistons", settings=twice, seconds=1, frame_rate=8.0)
    with pytest.raises(ParameterError, match="must be positive"):
        condition(SCHEMA, label=None, settings=[], seconds=0, frame_rate=8.0)


def test_conditions_become_rows_of_a_batch():
    one = condition(SCHEMA, label="wind", settings=[Setting("force", (1,))], seconds=1, frame_rate=8.0)
    two = condition(SCHEMA, label="pistons", settings=[], seconds=1, frame_rate=8.0)
    both = batch_conditions([one, two])
    assert both.labels[:, 0].tolist() == [1, 0]
    assert both.values.shape == (2, 8, 3)


def test_every_example_of_the_help_can_be_read():
    for example in SETTING_HELP.split("Examples: ")[1].rstrip(".").split(", "):
        assert parse_setting(example).name == "rate"
