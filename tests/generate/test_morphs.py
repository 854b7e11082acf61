"""Labels that pass into one another: ends as in training, straight lines between, and what cannot be meant refused."""

import math

import numpy as np
import pytest
import torch

from smalti.core import Condition, Mix, Parameter, ParameterError, Schema, TokenSpec
from smalti.generate import LABEL_HELP, Sampling, condition, generate, in_turn, parse_labels, parse_setting
from smalti.nn.modulation import ConditionEmbedding, require_condition
from smalti.nn.token_lm import TokenTransformer
from smalti.nn.transformer import TransformerSettings

LABELS = ("engine", "rain", "wind")
SCHEMA = Schema(
    LABELS,
    (
        Parameter(name="drops", label="rain", low=1, high=100, scale="log"),
        Parameter(name="force", label="wind", high=4),
        Parameter(name="level"),
        Parameter(name="force", label="engine"),
    ),
)


def asked(label: str | None, *settings: str, seconds: float = 5.0) -> Condition:
    read = [parse_setting(text) for text in settings]
    return condition(SCHEMA, label=label, settings=read, seconds=seconds, frame_rate=8.0)


def embedding() -> ConditionEmbedding:
    torch.manual_seed(4)
    return ConditionEmbedding(labels=3, parameters=4, width=10)


def test_a_chain_passes_evenly_from_one_label_to_the_next():
    told = asked("rain:wind")
    assert told.mix is not None
    shares = told.mix.labels[0, :, 2]
    assert torch.allclose(shares, (torch.arange(40) + 0.5) / 40)
    assert torch.allclose(told.mix.labels.sum(-1), torch.ones(1, 40))
    assert told.labels[0].tolist() == [1] * 20 + [2] * 20


def test_breakpoints_hold_before_the_first_and_behind_the_last():
    told = asked("1:rain,3:wind,4:engine")
    assert told.mix is not None
    assert told.mix.labels[0, :8, 1].eq(1).all() and told.mix.labels[0, 32:, 0].eq(1).all()
    assert torch.allclose(told.mix.labels[0, 16], torch.tensor([0, 0.46875, 0.53125]))


def test_a_mixture_holds_its_shares():
    told = asked("rain=0.3,wind=0.7")
    assert told.mix is not None
    assert torch.allclose(told.mix.labels, torch.tensor([0, 0.3, 0.7]))
    assert told.labels.unique().tolist() == [2]


def test_one_label_is_asked_for_as_before():
    assert asked("rain", "drops=10").mix is None


@pytest.mark.parametrize("overlap", [0.0, 0.1, 1.0])
def test_every_label_in_turn_takes_equal_time(overlap: float):
    course = in_turn(LABELS, seconds=6.0, overlap=overlap)
    moments = np.linspace(0, 6, 1201)
    shares = course.shares(moments, seconds=6.0)
    assert np.allclose(shares.sum(0), 1)
    mean = shares.mean(1)
    assert np.allclose(mean, 1 / 3, atol=0.09 * overlap + 0.002)
    assert ((shares > 0).sum(0) > 1).mean() == pytest.approx(overlap * 2 / 3, abs=0.01)


def test_all_asks_for_every_label_in_turn_unless_a_label_is_called_so():
    assert parse_labels("all", LABELS, seconds=3).labels == list(LABELS)
    assert parse_labels("all", ("all", "rain"), seconds=3).points == ({"all": 1.0},)
    assert parse_labels("people, marching", ("people, marching",), seconds=3).labels == ["people, marching"]


def test_every_example_of_the_help_can_be_read():
    examples = LABEL_HELP.split("Examples: ")[1].rstrip(".").split(", ")
    assert len(examples) == 5
    for example in examples:
        assert "rain" in parse_labels(example, LABELS, seconds=6).labels


@pytest.mark.parametrize(
    ("label", "words"),
    [
        ("ran:wind", "label 'ran' is unknown; did you mean 'rain'"),
        ("0:rain,2:wnd", "label 'wnd' is unknown; did you mean 'wind'"),
        ("rain,wind", "cannot be read at 'rain'; write rain:wind"),
        ("2:rain,1:wind", "must grow"),
        ("-1:rain,1:wind", "must grow"),
        ("rain=0.3,wind=0.3", "shares rain 0.3, wind 0.3; give each label once, with shares that come to 1"),
        ("rain=0.5,rain=0.5", "give each label once"),
        ("rain=1.5,wind=-0.5", "give each label once"),
        ("rain=much,wind=1", "cannot be read at 'much'"),
        ("rain:", "label '' is unknown"),
    ],
)
def test_what_cannot_be_meant_is_refused(label: str, words: str):
    with pytest.raises(ParameterError, match=words):
        asked(label)


def test_ends_of_a_morph_are_exactly_what_each_class_is_alone():
    told = asked("0:rain,1:wind", "drops=10", "wind.force=2", "level=0.5")
    vectors = embedding()(told)
    wind = embedding()(asked("wind", "force=2", "level=0.5"))
    assert torch.equal(vectors[:, 8:], wind[:, 8:])
    held = asked("1:rain,2:wind", "drops=10", "wind.force=2", "level=0.5")
    rain = embedding()(asked("rain", "drops=10", "level=0.5"))
    assert torch.equal(embedding()(held)[:, :8], rain[:, :8])
    assert not torch.allclose(vectors[:, 4], wind[:, 4], atol=1e-3)


def test_between_the_ends_all_that_enters_lies_on_a_straight_line():
    net = embedding()
    net.mix = torch.nn.Identity()
    rain, wind = asked("rain", "drops=3"), asked("wind", "force=1")
    told = asked("rain=0.3,wind=0.7", "drops=3", "wind.force=1")
    line = 0.3 * net(rain) + 0.7 * net(wind)
    assert torch.allclose(net(told), line, atol=1e-6)


def test_a_name_that_several_labels_have_must_be_said_in_full():
    with pytest.raises(ParameterError, match=r"belongs to several labels; write wind\.force or engine\.force"):
        asked("engine:wind", "force=0.2")
    told = asked("engine:wind", "engine.force=0.2", "wind.force=4")
    assert told.values[0, 0, [1, 3]].tolist() == pytest.approx([1.0, 0.2])
    assert asked("wind", "wind.force=4").values[0, 0, 1] == 1


def test_a_parameter_of_no_label_in_the_morph_is_refused():
    with pytest.raises(ParameterError, match=r"'drops' does not belong to engine or wind; .*known: force, level"):
        asked("engine:wind", "drops=3")


def test_ready_courses_need_no_values():
    sweep = asked("rain", "drops=sweep", seconds=10).values[0, :, 0]
    assert sweep[:8].eq(0).all() and sweep[32:48].eq(1).all() and sweep[72:].eq(0).all()
    assert sweep[19:21].mean() == pytest.approx(0.5, abs=1e-6)
    steps = asked("rain", "drops=steps", seconds=8).values[0, :, 0]
    assert (steps.view(8, 8)[:, 0] * 12).round().tolist() == [0, 2, 4, 5, 7, 9, 11, 12]
    assert torch.allclose(steps.view(8, 8), steps.view(8, 8)[:, :1])
    every = asked("wind:rain", "all=middle").values[0, 0]
    assert every[:3].tolist() == [0.5] * 3 and every[3].isnan()


def test_without_a_label_the_parameters_keep_their_shares():
    net = embedding()
    told, plain = asked("rain", "drops=3"), Condition.empty(1, 40, 4)
    net.mix = torch.nn.Identity()
    less = net(asked("rain=0.3,wind=0.7", "drops=3", "level=0.2").unlabelled())
    nothing = net(Condition(plain.labels, asked("rain", "level=0.2").values))
    drops = net(told.unlabelled()) - net(plain)
    assert torch.allclose(less, nothing + 0.3 * drops, atol=1e-6)


def model() -> TokenTransformer:
    torch.manual_seed(3)
    spec = TokenSpec(sample_rate=8000, hop=1000, codebooks=2, vocab=11, tokenizer="toy")
    sizes = TransformerSettings(
        width=16, layers=2, heads=2, window=5, condition_width=12, modulation="adaln", dropout=0.0
    )
    made = TokenTransformer(spec=spec, schema=SCHEMA, pattern="delay", transformer=sizes).eval()
    for weight in made.parameters():
        torch.nn.init.normal_(weight, std=0.5)
    return made


def test_a_model_reads_a_morph_step_by_step_as_at_once_and_alone_as_in_a_batch():
    lm, told = model(), asked("rain:wind", "drops=3")  # only the shares move
    plain = asked("wind", "force=1")
    codes = torch.randint(11, (2, 2, 40), generator=torch.Generator().manual_seed(1))
    both = Condition.joined([told, plain])
    assert torch.allclose(lm.logits(codes, both)[:1], lm.logits(codes[:1], told), atol=1e-5)
    assert torch.allclose(lm.logits(codes, both)[1:], lm.logits(codes[1:], plain), atol=1e-5)
    assert not torch.allclose(lm.logits(codes[:1], told), lm.logits(codes[:1], asked("rain", "drops=3")), atol=1e-2)
    rows = torch.nn.functional.pad(codes[:, :, :-1], (1, 0), value=11)
    steps = model().stepper(2)
    pieces = [steps.step(rows[:, :, t : t + 1], both.at(slice(t, t + 1))) for t in range(9)]
    whole = model().stepper(2).step(rows[:, :, :9], both.at(slice(9)))
    assert torch.allclose(torch.cat(pieces, 2), whole, atol=1e-5)


def test_guidance_knows_a_morph_and_a_row_of_a_batch_is_what_it_is_alone():
    told = Condition.joined([asked("rain:wind", "drops=3"), asked("wind")])
    for fields in ((), (("label", 2.0),), (("parameters", 1.5), ("label", 3.0))):
        sampling = Sampling(guidance=1.0 if fields else 2.0, field_guidance=fields)
        both = generate(model(), told, sampling=sampling, seeds=[4, 5])
        assert torch.equal(both[1:], generate(model(), asked("wind"), sampling=sampling, seeds=[5]))
        alone = generate(model(), asked("rain:wind", "drops=3"), sampling=sampling, seeds=[4])
        assert torch.equal(both[:1], alone)


@pytest.mark.parametrize(
    ("labels", "values", "words"),
    [
        (torch.full((1, 2, 2), 0.5), torch.ones(1, 2, 4), "shares are of 2 labels and 4 parameters, this model has 3"),
        (torch.full((1, 2, 3), 0.5), torch.ones(1, 2, 4), "come to more than 1"),
        (torch.full((1, 2, 3), -0.1), torch.ones(1, 2, 4), "below 0"),
        (torch.full((1, 2, 3), 0.1), torch.full((1, 2, 4), 1.5), "share lies outside 0…1"),
    ],
)
def test_shares_that_no_model_can_be_told_are_refused(labels: torch.Tensor, values: torch.Tensor, words: str):
    plain = Condition(torch.zeros(1, 2, dtype=torch.int64), torch.full((1, 2, 4), math.nan))
    with pytest.raises(ParameterError, match=words):
        require_condition(SCHEMA, Condition(plain.labels, plain.values, Mix(labels, values)))
