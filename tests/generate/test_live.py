"""Knobs that are turned while sound is made, and sound that is the same however it is made."""

import math
from collections.abc import Iterator
from itertools import islice

import pytest
import torch

from smalti.core import Condition, Parameter, ParameterError, Schema, TokenSpec
from smalti.generate import (
    Knobs,
    Sampling,
    block_frames,
    condition,
    course,
    generate,
    parse_setting,
    sound_stream,
    stream,
)
from smalti.nn.token_lm import TokenTransformer
from smalti.nn.transformer import TransformerSettings

SPEC = TokenSpec(sample_rate=8000, hop=100, codebooks=3, vocab=11, tokenizer="toy")
RATE = Parameter(name="rate", label="rain", unit="Hz", low=1, high=16, scale="log")
SCHEMA = Schema(
    ("rain", "wind"), (RATE, Parameter(name="gust", label="wind"), Parameter(name="level", low=-60, high=0))
)


def _knobs(*settings: str, label: str | None = "rain", glide: float = 0, guidance: float = 1) -> Knobs:
    written = [parse_setting(text) for text in settings]
    asked = course(SCHEMA, label=label, settings=written, seconds=None, frame_rate=SPEC.frame_rate)
    return Knobs(SCHEMA, asked, sampling=Sampling(guidance=guidance), glide=glide)


def _values(knobs: Knobs, frame: int) -> list[float | None]:
    return [None if math.isnan(v) else round(v, 6) for v in knobs.condition_at(frame).values[0, 0].tolist()]


def _same(one: Condition, other: Condition) -> bool:
    return torch.equal(one.labels, other.labels) and torch.equal(one.values.nan_to_num(-1), other.values.nan_to_num(-1))


def _model(pattern: str = "delay") -> TokenTransformer:
    torch.manual_seed(3)
    sizes = TransformerSettings(width=16, layers=2, heads=2, window=5, condition_width=12)
    model = TokenTransformer(spec=SPEC, schema=SCHEMA, pattern=pattern, transformer=sizes).eval()
    for weight in model.parameters():
        torch.nn.init.normal_(weight, std=0.3)
    return model


def test_knobs_nobody_turns_ask_what_was_written() -> None:
    asked = condition(
        SCHEMA, label="rain", settings=[parse_setting("rate=0:2,0.1:8")], seconds=0.2, frame_rate=SPEC.frame_rate
    )
    knobs = _knobs("rate=0:2,0.1:8")
    assert all(_same(knobs.condition_at(frame), asked.at(slice(frame, frame + 1))) for frame in range(16))
    assert _same(knobs.condition_at(10**9), asked.at(slice(15, 16)))
    assert not knobs.turns()


def test_a_turn_holds_from_the_next_frame_and_only_for_its_knob() -> None:
    knobs = _knobs("rate=0:2,10:16", "level=-60")
    before = _values(knobs, 3)
    knobs.turn("rate", 4.0)
    assert _values(knobs, 4) == [0.5, None, 0.0] != before
    assert _values(knobs, 700) == [0.5, None, 0.0]
    (turn,) = knobs.turns()
    assert (turn.name, turn.value, turn.frame, turn.heard) == ("rate", pytest.approx(4.0), 4, None)
    knobs.hear(4)
    assert turn.heard is None
    knobs.hear(4.01)
    assert turn.heard is not None and turn.heard >= turn.at


def test_a_knob_glides_evenly_in_its_own_scale_from_where_it_is() -> None:
    knobs = _knobs("rate=1", glide=4)
    knobs.condition_at(0)
    knobs.turn("rate", 16)
    assert [_values(knobs, frame)[0] for frame in range(1, 7)] == [0.25, 0.5, 0.75, 1.0, 1.0, 1.0]
    knobs.turn("rate", 1)
    assert [_values(knobs, frame)[0] for frame in (7, 8)] == [0.75, 0.5]
    knobs.turn("rate", 16)
    assert _values(knobs, 9)[0] == 0.625
    knobs.turn("level", -30)  # was asked for nothing: there is no way from there
    assert _values(knobs, 10)[2] == 0.5


def test_each_label_keeps_its_own_knobs() -> None:
    knobs = _knobs("rate=4", "level=0")
    knobs.choose("wind")
    knobs.turn("gust", 0.25)
    assert knobs.condition_at(1).labels.tolist() == [[1]] and _values(knobs, 1) == [None, 0.25, 1.0]
    knobs.choose("")
    assert knobs.label is None and knobs.condition_at(2).labels.tolist() == [[-1]]
    assert _values(knobs, 2) == [None, None, 1.0]
    knobs.choose("rain")
    assert knobs.condition_at(3).labels.tolist() == [[0]] and _values(knobs, 3) == [0.5, None, 1.0]
    assert [(turn.name, turn.value) for turn in knobs.turns()] == [
        ("label", "wind"),
        ("gust", 0.25),
        ("label", ""),
        ("label", "rain"),
    ]


@pytest.mark.parametrize("value", [0.5, 17, math.nan, math.inf])
def test_what_a_knob_cannot_be_is_refused_and_changes_nothing(value: float) -> None:
    knobs = _knobs("rate=4")
    with pytest.raises(ParameterError, match=r"rain\.rate.*1…16"):
        knobs.turn("rate", value)
    with pytest.raises(ParameterError, match="did you mean 'rate'"):
        knobs.turn("rat", 4)
    with pytest.raises(ParameterError, match="gust"):
        knobs.turn("gust", 0.5)
    with pytest.raises(ParameterError, match="did you mean 'wind'"):
        knobs.choose("wimd")
    with pytest.raises(ParameterError, match="temperature"):
        knobs.heat(value if math.isnan(value) else -1)
    assert _values(knobs, 1) == [0.5, None, None] and not knobs.turns()


def test_a_knob_is_moved_as_far_as_it_goes() -> None:
    knobs = _knobs("rate=4")
    knobs.nudge("rate", 0.3)
    knobs.nudge("rate", 0.1)
    assert _values(knobs, 1)[0] == 0.9
    knobs.nudge("rate", 0.2)
    knobs.nudge("level", -0.1)
    assert _values(knobs, 2) == [1.0, None, 0.4]
    assert [(dial.name, dial.unit, dial.value) for dial in knobs.dials()] == [
        ("rate", "Hz", pytest.approx(16)),
        ("level", "", pytest.approx(-36)),
    ]


@pytest.mark.parametrize(
    ("label", "setting"),
    [("rain", "rate=2:16"), ("rain", "rate=sweep"), ("rain:wind", "level=0"), ("all", "level=0")],
)
def test_a_sound_without_end_cannot_be_moved_through_as_a_whole(label: str, setting: str) -> None:
    with pytest.raises(ParameterError, match=r"no end.*--seconds.*say when"):
        _knobs(setting, label=label)


def test_labels_that_pass_at_their_times_hold_the_last_without_end() -> None:
    knobs = _knobs("rate=4", "level=middle", label="0:rain,0.1:wind")
    asked = [knobs.condition_at(frame) for frame in (0, 4, 8, 10**6)]
    assert [one.labels.item() for one in asked] == [0, 1, 1, 1] and knobs.label == "wind"
    mixes = [one.mix.labels[0, 0].tolist() for one in asked if one.mix is not None]
    assert mixes[0] == pytest.approx([0.9375, 0.0625]) and mixes[2:] == [[0, 1], [0, 1]]
    knobs.turn("gust", 0.5)
    assert knobs.condition_at(9).mix is not None and _values(knobs, 9)[1] == 0.5
    knobs.choose("rain")
    assert knobs.condition_at(9).mix is None and _values(knobs, 9) == [0.5, None, 0.5]


def test_changes_of_temperature_and_guidance_reach_the_dice() -> None:
    def codes(change: int | None, **asked: float) -> torch.Tensor:
        knobs = _knobs("rate=4", guidance=2)
        frames = stream(_model(), knobs.condition_at, sampling=knobs.sampling, seeds=[5])
        found = [next(frames) for _ in range(change or 0)]
        if "temperature" in asked:
            knobs.heat(asked["temperature"])
        if "guidance" in asked:
            knobs.guide(asked["guidance"])
        return torch.stack([*found, *islice(frames, 20 - len(found))], dim=2)

    plain = codes(None)
    for asked in ({"temperature": 20.0}, {"guidance": 9.0}):
        changed = codes(8, **asked)
        assert torch.equal(changed[:, :, :8], plain[:, :, :8]) and not torch.equal(changed, plain)
    with pytest.raises(ParameterError, match="begin with"):
        _knobs().guide(2)


@pytest.mark.parametrize("pattern", ["delay", "parallel", "flat"])
def test_a_turn_changes_no_frame_before_it_and_is_heard_at_once(pattern: str) -> None:
    """The delay pattern begins a frame's rows up to Q - 1 rows before it is whole."""
    knobs, still = _knobs("rate=1"), _knobs("rate=1")
    moving, plain = (stream(_model(pattern), k.condition_at, sampling=Sampling(), seeds=[1]) for k in (knobs, still))
    early = [(next(moving), next(plain)) for _ in range(12)]
    assert all(torch.equal(*pair) for pair in early)
    knobs.choose("wind")
    late = [(next(moving), next(plain)) for _ in range(12)]
    (turn,) = knobs.turns()
    assert turn.frame in range(12, 15)
    assert any(not torch.equal(*pair) for pair in late[:6])


class _Echo:
    """A decoder that keeps two frames back; each frame is `hop` samples of its first code."""

    def __init__(self, hop: int) -> None:
        self._hop, self._kept = hop, torch.zeros(3, 0, dtype=torch.int64)
        self.pushed: list[int] = []

    def push(self, block: torch.Tensor) -> torch.Tensor:
        self.pushed.append(block.shape[1])
        self._kept = torch.cat([self._kept, block], dim=1)
        return self._give(max(0, self._kept.shape[1] - 2))

    def flush(self) -> torch.Tensor:
        return self._give(self._kept.shape[1])

    def _give(self, count: int) -> torch.Tensor:
        now, self._kept = self._kept[0, :count], self._kept[:, count:]
        return now.float().repeat_interleave(self._hop)


@pytest.mark.parametrize("samples", [1, 7, 30, 35, 37, None])
def test_sound_ends_at_its_last_sample(samples: int | None) -> None:
    decoder = _Echo(5)
    frames = (torch.full((1, 3), frame) for frame in range(7))
    pieces = list(sound_stream(frames, decoder, block=3, samples=samples))
    sound = torch.cat(pieces)
    assert torch.equal(sound, torch.arange(7).float().repeat_interleave(5)[:samples])
    assert decoder.pushed == ([3] if samples == 1 else [3, 3] if samples == 7 else [3, 3, 1])


def test_sound_without_end_is_made_only_as_it_is_wanted() -> None:
    made: list[int] = []

    def frames() -> Iterator[torch.Tensor]:
        for frame in range(10**9):
            made.append(frame)
            yield torch.full((1, 3), frame)

    pieces = sound_stream(frames(), _Echo(5), block=2, samples=None)
    assert not made
    assert sum(len(piece) for piece in islice(pieces, 4)) == (8 - 2) * 5
    assert made == list(range(8))


def test_live_codes_equal_those_of_generate() -> None:
    asked = course(SCHEMA, label="rain", settings=[parse_setting("rate=2:8")], seconds=0.2, frame_rate=SPEC.frame_rate)
    knobs = Knobs(SCHEMA, asked, sampling=Sampling())
    frames = stream(_model(), knobs.condition_at, sampling=knobs.sampling, seeds=[4], last=15)
    live = torch.stack(list(islice(frames, 16)), dim=2)
    assert torch.equal(live, generate(_model(), asked, sampling=Sampling(), seeds=[4]))


def test_blocks_are_a_twentieth_of_a_second_or_a_frame() -> None:
    assert block_frames(SPEC) == 4
    assert block_frames(TokenSpec(sample_rate=8000, hop=4096, codebooks=1, vocab=2, tokenizer="slow")) == 1
