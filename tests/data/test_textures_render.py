"""Textures are pure functions: equal arguments give equal bytes, every knob is heard, and curves are followed."""

import numpy as np
import pytest
import torch

from smalti.core import ParameterError
from smalti.data.textures import CONTROL_RATE, TEXTURES, estimate, render_clip, schema
from smalti.data.textures.curves import cycles, track

KINDS = list(TEXTURES)
KNOBS = [(kind, p.name) for kind, texture in TEXTURES.items() for p in texture.parameters]


@pytest.mark.parametrize("kind", KINDS)
def test_equal_arguments_give_equal_bytes_and_another_seed_another_clip(kind: str) -> None:
    first, again, other = (render_clip(kind, seconds=0.7, seed=seed).samples for seed in (3, 3, 4))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("sample_rate", [22_050, 44_100])
def test_a_clip_has_its_length_is_heard_and_never_clips(kind: str, sample_rate: int) -> None:
    clip = render_clip(kind, seconds=1.3, sample_rate=sample_rate)
    assert clip.samples.shape == (round(1.3 * sample_rate),)
    assert clip.samples.dtype == torch.float32
    assert 0.005 < float(clip.samples.std()) < 0.11
    assert float(clip.samples.abs().max()) <= 0.9001


@pytest.mark.parametrize(("kind", "name"), KNOBS)
def test_every_knob_changes_the_sound(kind: str, name: str) -> None:
    parameter = TEXTURES[kind].parameter(name)
    low, high = (render_clip(kind, {name: v}, seconds=1.1).samples for v in (parameter.low, parameter.high))
    assert float((low - high).abs().max()) > 0.01


@pytest.mark.parametrize(("kind", "name"), KNOBS)
def test_every_knob_may_move(kind: str, name: str) -> None:
    parameter = TEXTURES[kind].parameter(name)
    clip = render_clip(kind, {name: [(0.2, parameter.low), (0.9, parameter.high)]}, seconds=1.1)
    values = clip.tracks[name]
    assert len(values) == round(1.1 * CONTROL_RATE)
    assert values[0] == parameter.low
    assert values[-1] == pytest.approx(parameter.high)
    assert parameter.low < clip.values[name] < parameter.high
    assert torch.isfinite(clip.samples).all()


@pytest.mark.parametrize("kind", KINDS)
def test_a_ramp_of_the_main_parameter_is_heard_in_the_two_halves(kind: str) -> None:
    texture = TEXTURES[kind]
    parameter = texture.parameter(texture.main)
    low, high = parameter.denormalise(0.25), parameter.denormalise(0.75)
    clip = render_clip(kind, {texture.main: [(2.0, low), (3.0, high)]}, seconds=5.0, seed=1)
    halves = clip.samples[: 2 * clip.sample_rate], clip.samples[3 * clip.sample_rate :]
    first, second = (estimate(kind, texture.main, half, clip.sample_rate) for half in halves)
    assert first == pytest.approx(low, rel=0.35)
    assert second == pytest.approx(high, rel=0.35)


def test_breakpoints_move_evenly_in_the_parameters_own_scale() -> None:
    rate = TEXTURES["pistons"].parameter("rate")
    values = track([(0.0, 2.0), (1.0, 8.0)], parameter=rate, seconds=1.0)
    assert values[50] == pytest.approx(4.0)
    level = TEXTURES["pistons"].parameter("hardness")
    assert track([(0.0, 0.2), (1.0, 0.8)], parameter=level, seconds=1.0)[50] == pytest.approx(0.5)


def test_a_constant_two_equal_points_and_an_array_are_the_same_curve() -> None:
    curves = (3.0, [(0.0, 3.0), (9.0, 3.0)], np.full(5, 3.0))
    clips = [render_clip("fm", {"modulation": curve}, seconds=0.5).samples for curve in curves]
    assert torch.equal(clips[0], clips[1])
    assert torch.equal(clips[0], clips[2])


def test_cycles_are_the_integral_of_the_rate() -> None:
    assert cycles(np.full(200, 7.0))[-1] == pytest.approx(14.0)


def test_what_cannot_be_is_refused_by_name() -> None:
    with pytest.raises(ParameterError, match="did you mean 'pistons'"):
        render_clip("piston", seconds=1.0)
    with pytest.raises(ParameterError, match="did you mean 'rate'"):
        render_clip("pistons", {"rat": 2.0}, seconds=1.0)
    with pytest.raises(ParameterError, match=r"pistons.rate=40 Hz is outside 1…16"):
        render_clip("pistons", {"rate": 40.0}, seconds=1.0)
    with pytest.raises(ParameterError, match="times go forward"):
        render_clip("pistons", {"rate": [(1.0, 2.0), (0.0, 3.0)]}, seconds=1.0)
    with pytest.raises(ParameterError, match="cannot be rendered"):
        render_clip("pistons", seconds=0.0)
    with pytest.raises(ParameterError, match="no measure of 'count'"):
        estimate("bees", "count", torch.zeros(100), 22_050)


def test_the_schema_names_every_label_and_knob_once() -> None:
    known = schema()
    assert known.labels == tuple(KINDS)
    assert [(p.label, p.name) for p in known.parameters] == KNOBS
    assert schema(["rain", "fm"]).labels == ("rain", "fm")
