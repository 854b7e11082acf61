"""Laws of the settings: what is written reads back, and what is wrong is told, all of it, with line and remedy."""

import math
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field

from smalti.config import Settings, differences, load_settings, mix, splitmix64, to_toml
from smalti.core import ConfigError


class Optimiser(Settings):
    learning_rate: float = Field(1e-3, gt=0)
    weight_decay: float = 0.0
    betas: tuple[float, float] = (0.9, 0.99)


class Train(Settings):
    steps: int = Field(1000, ge=1, le=1_000_000)
    batch_size: int = Field(8, ge=1)
    crop_seconds: float = Field(1.5, gt=0)
    precision: Literal["auto", "32", "bf16"] = "auto"
    optimiser: Optimiser = Optimiser()


class Model(Settings):
    width: int = Field(64, ge=1)
    layers: int = Field(4, ge=1)
    dropout: float = Field(0.1, ge=0, lt=1)
    channels: tuple[int, ...] = (32, 64)
    causal: bool = True
    note: str | None = None


class Whole(Settings):
    system: Literal["toy"] = "toy"
    seed: int = 0
    model: Model = Model()
    train: Train = Train()


class Demanding(Settings):
    data: str
    steps: int = 1


words = st.text(max_size=12)
numbers = st.floats(allow_nan=False)
wholes = st.builds(
    Whole,
    seed=st.integers(),
    model=st.builds(
        Model,
        width=st.integers(1),
        channels=st.lists(st.integers(), max_size=3).map(tuple),
        causal=st.booleans(),
        note=st.none() | words,
    ),
    train=st.builds(
        Train,
        crop_seconds=st.floats(min_value=0, exclude_min=True),
        optimiser=st.builds(Optimiser, weight_decay=numbers, betas=st.tuples(numbers, numbers)),
    ),
)


class Named(Settings):
    names: dict[str, float] = Field(default_factory=dict)
    text: str = ""
    tables: tuple[Optimiser, ...] = ()


@given(wholes)
def test_written_settings_read_back_equal(settings):
    assert load_settings(Whole, to_toml(settings)) == settings


@given(st.builds(Named, names=st.dictionaries(words, numbers, max_size=3), text=words, tables=st.just((Optimiser(),))))
def test_any_key_and_any_text_read_back_equal(settings):
    assert load_settings(Named, to_toml(settings)) == settings


def test_the_first_field_is_the_first_line():
    assert to_toml(Whole()).splitlines()[0] == 'system = "toy"'


def test_empty_text_gives_the_defaults_and_a_file_the_same_as_its_text(tmp_path):
    (tmp_path / "c.toml").write_text("[train]\n\tsteps\t=\t7\n")
    assert load_settings(Whole, "") == Whole()
    assert load_settings(Whole, tmp_path / "c.toml").train.steps == 7


def test_empty_text_is_refused_where_something_has_no_default():
    with pytest.raises(ConfigError, match="data: missing"):
        load_settings(Demanding, "")


@pytest.mark.parametrize(
    ("override", "found"),
    [("seed=7", 7), ("model.note=hello/there", "hello/there"), ("model.channels=[1, 2]", (1, 2)),
     ("train.optimiser.learning_rate=3e-4", 3e-4), ("model.causal=false", False), ('model.note="x = 1"', "x = 1")],
)  # fmt: skip
def test_an_override_wins_over_the_file(override, found):
    value = load_settings(Whole, "seed = 1\n[model]\ncausal = true", [override])
    for name in override.partition("=")[0].split("."):
        value = getattr(value, name)
    assert value == found


MISSPELT = [
    "sed=1", "sead=1", "sytem='toy'", "modle.width=1", "moedl.width=1", "trian.steps=1", "tarin.steps=1",
    "train.stpes=1", "train.step=1", "train.Steps=1", "train.batchsize=1", "train.batch-size=1", "train.bacth_size=1",
    "train.crop_second=1.0", "train.crop=1.0", "train.percision='32'", "train.optimizer.learning_rate=1.0",
    "train.optimiser.learning_rte=1.0", "train.optimiser.learningrate=1.0", "train.optimiser.weightdecay=1.0",
    "train.optimiser.weight_deacy=1.0", "train.optimiser.beta=[1.0,1.0]", "model.widht=1", "model.layer=1",
    "model.droput=0.1", "model.drop_out=0.1", "model.chanels=[1]", "model.casual=true", "steps=1", "width=1",
]  # fmt: skip
MEANT = [
    "seed", "seed", "system", "model", "model", "train", "train",
    "train.steps", "train.steps", "train.steps", "train.batch_size", "train.batch_size", "train.batch_size",
    "train.crop_seconds", "train.crop_seconds", "train.precision", "train.optimiser",
    "train.optimiser.learning_rate", "train.optimiser.learning_rate", "train.optimiser.weight_decay",
    "train.optimiser.weight_decay", "train.optimiser.betas", "model.width", "model.layers",
    "model.dropout", "model.dropout", "model.channels", "model.causal", "train.steps", "model.width",
]  # fmt: skip


def _refusal(text: str, overrides: tuple[str, ...] = ()) -> str:
    with pytest.raises(ConfigError) as error:
        load_settings(Whole, text, overrides)
    return str(error.value)


def test_at_least_27_of_30_misspelt_keys_get_the_right_suggestion():
    right = [f"mean {meant}?" in _refusal(text) for text, meant in zip(MISSPELT, MEANT, strict=True)]
    assert len(right) == 30 and sum(right) >= 27, [t for t, ok in zip(MISSPELT, right, strict=True) if not ok]


@pytest.mark.parametrize(
    ("line", "found"),
    [("train.steps = 'ten'", "'ten'"), ("train.steps = 1.5", "1.5"), ("train.steps = true", "True"),
     ("model.causal = 1", "1"), ("model.causal = 'yes'", "'yes'"), ("model.channels = 3", "3"),
     ("model.note = 3", "3"), ("train = 3", "3"), ("seed = '1'", "'1'"), ("seed = {a = 1}", "a table"),
     ("train.steps = 0", "0"), ("train.steps = 2000000", "2000000"), ("train.batch_size = -1", "-1"),
     ("model.dropout = 1.0", "1.0"), ("model.dropout = -0.1", "-0.1"), ("model.width = 0", "0"),
     ("train.crop_seconds = 0.0", "0.0"), ("train.precision = '16'", "'16'"), ("model.dropout = nan", "nan"),
     ("train.optimiser.betas = [0.9, '']", "''"), ("train.optimiser.learning_rate = -1.0", "-1.0")],
)  # fmt: skip
def test_wrong_types_and_ranges_are_refused_with_line_and_what_was_found(line, found):
    said = _refusal(f"# a comment\n\n{line}\n")
    assert f"line 3: {line.split(' =')[0]}" in said
    assert f"found {found}, wanted" in said


def test_all_problems_come_in_one_message_in_the_order_of_their_lines():
    text = '"""'.join(["sed = 1\n[train]\nstpes = 3\nsteps = 'x'\n[model]\nnote = ", "\nwidth = 3\n", "\nwidth = 0\n"])
    said = _refusal(text, ("train.bach_size=3", "nonsense")).splitlines()
    assert said[0].endswith("6 problems")
    assert [row.split(":")[0].strip() for row in said[3:]] == ["line 1", "line 3", "line 4", "line 9"]
    assert {row.split(":")[0].strip() for row in said[1:3]} == {"override train.bach_size", "override 'nonsense'"}


@pytest.mark.parametrize(
    ("text", "line"),
    [("seed = 1\nseed = 2", 2), ("seed = 1\n\nmodel = {", 3), ("[train\nsteps = 1", 1), ("a b = 1", 1)],
)
def test_text_that_is_no_toml_names_its_line(text, line):
    assert f"line {line}: " in _refusal(text)


@pytest.mark.parametrize("content", [None, b"\xff\xfe", b"#" * (1 << 20) + b"#"])
def test_a_file_that_is_missing_binary_or_huge_is_refused_by_name(tmp_path: Path, content):
    path = tmp_path / "c.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"c\.toml"):
        load_settings(Whole, path)


def test_an_override_cannot_smuggle_in_a_second_key():
    assert "override" in _refusal("", ("seed=1\nsystem = 'toy'",))


class Small(Settings):
    kind: Literal["small"] = "small"
    width: int = 8


class Large(Settings):
    kind: Literal["large"] = "large"
    depth: int = Field(4, ge=1)


class Choice(Settings):
    net: Small | Large = Field(Small(), discriminator="kind")
    nets: tuple[Small, ...] = ()


def test_a_choice_between_settings_reads_back_and_its_errors_have_their_place():
    assert load_settings(Choice, to_toml(Choice(net=Large()))) == Choice(net=Large())
    with pytest.raises(ConfigError) as error:
        load_settings(Choice, '[net]\nkind = "large"\ndepht = 3\ndepth = 0\n[[nets]]\nwidth = 1.5')
    said = str(error.value)
    assert "line 3: net.depht: unknown; did you mean net.depth?" in said
    assert "line 4: net.depth: found 0" in said and "line 6: nets.0.width: found 1.5" in said


def test_a_word_for_a_table_that_comes_in_kinds_names_its_kind_and_keeps_the_rest():
    assert load_settings(Choice, "", ["net=large"]) == Choice(net=Large())
    assert load_settings(Choice, '[net]\nkind = "large"\ndepth = 9', ["net=large"]) == Choice(net=Large(depth=9))
    assert load_settings(Choice, "", ["net=large", "net.depth=9"]) == Choice(net=Large(depth=9))
    assert load_settings(Choice, "", ["net.depth=9", 'net="large"']) == Choice(net=Large(depth=9))


def test_a_word_that_is_no_kind_is_refused_as_what_was_written():
    with pytest.raises(ConfigError, match=r"override net.*'larg'.*'small', 'large'"):
        load_settings(Choice, "", ["net=larg"])
    with pytest.raises(ConfigError, match=r"width: unknown"):
        load_settings(Choice, "[net]\nwidth = 3", ["net=large"])
    with pytest.raises(ConfigError, match=r"line 1: net: found a table that does not say its kind; add net\.kind"):
        load_settings(Choice, "net.depth = 3")
    with pytest.raises(ConfigError, match=r"override nets: found 'large'"):
        load_settings(Choice, "", ["nets=large"])


def test_none_that_would_read_back_differently_is_refused():
    class Lossy(Settings):
        limit: int | None = 3

    with pytest.raises(ConfigError, match="limit"):
        to_toml(Lossy(limit=None))


def test_differences_name_dotted_keys_and_tell_int_from_float():
    first, second = to_toml(Whole()), to_toml(Whole(seed=1, train=Train(steps=5)))
    assert differences(first, second) == ["seed", "train.steps"]
    assert differences("a = 1", "a = 1.0\nb = 2") == ["a", "b"]
    assert differences("a = nan", "a = nan") == []


@given(st.integers(0, 2**63), st.integers(0, 10**9))
def test_mixed_seeds_fit_torch_and_depend_on_every_part(seed, step):
    assert 0 <= mix(seed, step) < 2**63
    assert len({mix(seed, step), mix(seed, step + 1), mix(seed + 1, step), mix(seed, step, 0)}) == 4


def test_an_array_is_mixed_as_its_numbers_are():
    values = [0, 1, 2**63, 2**64 - 1, 0x9E3779B97F4A7C15]
    found = splitmix64(np.array(values, np.uint64))
    assert found.dtype == np.uint64 and found.tolist() == [splitmix64(value) for value in values]
    assert splitmix64(0) == 0xE220A8397B1DCDAF  # the first number of SplitMix64 from seed 0, as published


def test_low_bits_of_mixed_seeds_are_spread_evenly():
    low = [mix(0, step) & 0xFFFFFFFF for step in range(20_000)]
    assert len(set(low)) >= 19_998
    assert math.isclose(sum(low) / len(low) / 2**32, 0.5, abs_tol=0.01)
