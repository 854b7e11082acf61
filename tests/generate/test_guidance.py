"""Guidance: what each other model is told, how strengths add up, and that nothing costs nothing."""

import pytest
import torch

from smalti.core import Condition, Parameter, ParameterError, Schema
from smalti.generate import Sampling, parse_guidance
from smalti.generate.guidance import Guidance

SCHEMA = Schema(
    ("rain", "wind"),
    (Parameter(name="rate", label="rain"), Parameter(name="rate", label="wind"), Parameter(name="force", label="wind")),
)
ASKED = Condition(torch.tensor([[1], [0]]), torch.tensor([[[0.1, 0.2, 0.3]], [[0.4, 0.5, 0.6]]]))


def _told(**settings: object) -> list[tuple[bool, list[bool]]]:
    """Of every other model: whether it is told the label, and which parameters."""
    guidance = Guidance(Sampling(**settings), SCHEMA)
    parts = guidance.asked(ASKED)
    assert len(parts.labels) == 2 * guidance.times
    assert torch.equal(parts.labels[:2], ASKED.labels) and torch.equal(parts.values[:2], ASKED.values)
    told: list[tuple[bool, list[bool]]] = []
    for labels, values in zip(parts.labels.split(2)[1:], parts.values.split(2)[1:], strict=True):
        kept = ~values.isnan()
        assert torch.equal(kept[0], kept[1]) and torch.equal(values[kept], ASKED.values[kept])
        assert torch.equal(labels, ASKED.labels) or labels.eq(-1).all()
        told.append((bool(labels.ne(-1).all()), kept[0, 0].tolist()))
    return told


def test_each_other_model_is_told_all_but_its_field():
    assert _told(guidance=2.0) == [(False, [False] * 3)]
    assert _told(field_guidance=(("label", 2.0),)) == [(False, [True] * 3)]
    assert _told(field_guidance=(("parameters", 2.0),)) == [(True, [False] * 3)]
    assert _told(field_guidance=(("rate", 2.0),)) == [(True, [False, False, True])]
    assert _told(field_guidance=(("wind.rate", 2.0),)) == [(True, [True, False, True])]
    assert _told(guidance=3.0, field_guidance=(("force", 2.0), ("label", 0.5))) == [
        (False, [False] * 3),
        (True, [True, True, False]),
        (False, [True] * 3),
    ]


def test_strengths_of_one_call_nothing_and_change_nothing():
    guidance = Guidance(Sampling(guidance=1.0, field_guidance=(("label", 1.0), ("rate", 1.0))), SCHEMA)
    logits = torch.randn(2, 3, 5, generator=torch.Generator().manual_seed(0))
    assert guidance.times == 1
    assert guidance.asked(ASKED) is ASKED
    assert guidance.pushed(logits) is logits


def test_each_strength_pushes_by_its_own_difference():
    guidance = Guidance(Sampling(guidance=1.5, field_guidance=(("rate", 3.0),)), SCHEMA)
    asked, free, rateless = torch.randn(3, 2, 4, 5, generator=torch.Generator().manual_seed(1))
    wanted = asked + 0.5 * (asked - free) + 2 * (asked - rateless)
    torch.testing.assert_close(guidance.pushed(torch.cat([asked, free, rateless])), wanted)
    classical = Guidance(Sampling(guidance=4.0), SCHEMA).pushed(torch.cat([asked, free]))
    torch.testing.assert_close(classical, free + 4 * (asked - free))


def test_guidance_is_read_as_people_write_it():
    assert parse_guidance([]) == (1.0, ())
    assert parse_guidance(["1.5"]) == (1.5, ())
    assert parse_guidance(["label=2", "3", "wind.rate=0.5"]) == (3.0, (("label", 2.0), ("wind.rate", 0.5)))


@pytest.mark.parametrize(
    ("texts", "words"),
    [(["much"], "'much' cannot be read"), (["=2"], "'=2' cannot be read"), (["1", "2"], "given 2 times")],
)
def test_what_cannot_be_read_is_refused(texts: list[str], words: str):
    with pytest.raises(ParameterError, match=words):
        parse_guidance(texts)


def test_fields_that_are_unknown_or_given_twice_are_refused():
    with pytest.raises(ParameterError, match=r"did you mean 'rain\.rate'"):
        Guidance(Sampling(field_guidance=(("rain.rte", 2.0),)), SCHEMA)
    for fields in ((("rate", 2.0), ("rate", 3.0)), (("rate", -1.0),), (("rate", float("nan")),)):
        with pytest.raises(ParameterError, match="give each field once"):
            Sampling(field_guidance=fields)
