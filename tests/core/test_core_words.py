"""Laws of the words: batches lose nothing, specs plug or refuse, parameters map there and back."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from smalti.core import (
    Audio,
    Condition,
    Parameter,
    ParameterError,
    Schema,
    SpecError,
    Tokens,
    TokenSpec,
    nearest,
    reasons,
)

SPEC = TokenSpec(sample_rate=8000, hop=3, codebooks=2, vocab=5, tokenizer="a" * 64)


def test_batching_audio_gives_every_item_back():
    items = [Audio.single(torch.arange(n).float(), 100) for n in (3, 0, 7)]
    back = Audio.batch(items).items()
    assert [b.samples.tolist() for b in back] == [a.samples.tolist() for a in items]


def test_audio_of_two_rates_does_not_batch():
    with pytest.raises(SpecError, match=r"\[100, 200\] Hz"):
        Audio.batch([Audio.single(torch.zeros(2), 100), Audio.single(torch.zeros(2), 200)])


def test_zero_padded_clears_only_what_lies_behind_the_length():
    audio = Audio(torch.ones(2, 4), 100, torch.tensor([4, 1]))
    assert audio.zero_padded().samples.tolist() == [[1, 1, 1, 1], [1, 0, 0, 0]]


@pytest.mark.parametrize("lengths", [[5], [-1]])
def test_lengths_that_cannot_be_are_refused(lengths):
    with pytest.raises(ParameterError):
        Audio(torch.zeros(1, 4), 100, torch.tensor(lengths))


@given(samples=st.integers(0, 100), hop=st.integers(1, 9))
def test_frames_hold_all_samples_and_no_frame_is_empty(samples, hop):
    spec = TokenSpec(sample_rate=8, hop=hop, codebooks=1, vocab=2, tokenizer="")
    assert spec.frames(samples) * hop >= samples > (spec.frames(samples) - 1) * hop or samples == 0


def test_bitrate_of_dac_with_nine_codebooks_is_the_published_one():
    spec = TokenSpec(sample_rate=44_100, hop=512, codebooks=9, vocab=1024, tokenizer="")
    assert spec.bitrate == pytest.approx(7752, abs=1)


def test_batching_tokens_gives_every_item_back():
    rows = [Tokens(torch.randint(0, 5, (1, 2, -(-n // 3))), SPEC, torch.tensor([n])) for n in (7, 2, 12)]
    back = Tokens.batch(rows).items()
    assert all(
        torch.equal(a.codes, b.codes) and torch.equal(a.lengths, b.lengths) for a, b in zip(rows, back, strict=True)
    )


def test_a_code_out_of_range_names_place_value_and_range():
    codes = torch.zeros(1, 2, 3, dtype=torch.int64)
    codes[0, 1, 2] = 5
    with pytest.raises(ParameterError, match=r"code 5 at row 0, codebook 1, frame 2 is outside 0…4"):
        Tokens(codes, SPEC, torch.tensor([9]))


def test_tokens_of_another_tokenizer_are_refused_with_both_fingerprints():
    other = TokenSpec(sample_rate=8000, hop=3, codebooks=2, vocab=5, tokenizer="b" * 64)
    with pytest.raises(SpecError, match=r"found bbbbbbbbbbbb, wanted aaaaaaaaaaaa"):
        SPEC.require(other)


def test_more_samples_than_the_codes_can_hold_are_refused():
    with pytest.raises(ParameterError, match="need more than 3 frames"):
        Tokens(torch.zeros(1, 2, 3, dtype=torch.int64), SPEC, torch.tensor([10]))


@given(position=st.floats(0, 1), scale=st.sampled_from(["lin", "log"]))
def test_parameters_map_there_and_back(position, scale):
    rate = Parameter(name="rate", unit="Hz", low=0.5, high=32, scale=scale)
    assert rate.normalise(rate.denormalise(position)) == pytest.approx(position, abs=1e-9)


def test_a_value_out_of_range_is_refused_not_clamped():
    rate = Parameter(name="rate", label="pistons", unit="Hz", low=1, high=16, scale="log")
    with pytest.raises(ParameterError, match=r"pistons.rate=17 Hz is outside 1…16"):
        rate.normalise(17)


def test_unknown_names_are_refused_with_the_nearest():
    schema = Schema(("pistons", "wind"), (Parameter(name="rate", label="pistons"), Parameter(name="level")))
    with pytest.raises(ParameterError, match="did you mean 'pistons'"):
        schema.label_index("piston")
    with pytest.raises(ParameterError, match="does not belong to wind"):
        schema.parameter_index("rate", "wind")
    assert schema.parameters_of("wind") == {"level": 1}
    assert schema.parameter_index("rate", "pistons") == 0


def test_an_empty_condition_asks_for_nothing():
    condition = Condition.empty(2, 3, 4)
    assert (condition.labels == -1).all()
    assert math.isnan(float(condition.values.sum()))
    assert condition.at(slice(1, 3)).values.shape == (2, 2, 4)


def test_a_few_of_many_reasons_are_said_and_the_rest_counted():
    failed = [{"path": name, "reason": f"{name} is empty"} for name in "abcde"]
    assert reasons(failed[:2]) == "a is empty; b is empty"
    assert reasons(failed) == "a is empty; b is empty; c is empty; and 2 more"
    assert reasons([]) == ""


def test_nearest_names_all_that_is_known():
    assert nearest("ran", ["rain", "wind"]) == "did you mean 'rain'? known: rain, wind"
