"""What is asked over time: settings as people write them, become the condition of every frame."""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float

from smalti.core import Condition, Mix, Parameter, ParameterError, Schema, nearest
from smalti.generate.morphs import LabelCourse, parse_labels

SETTING_HELP = (
    "name=VALUE holds a value; name=A:B moves from A to B over the whole sound; "
    "name=SECOND:VALUE,SECOND:VALUE,… passes through values at times and holds the first and the last. "
    "Values are in the parameter's own unit, and movement is even in its own scale "
    "(on a logarithmic one 2 to 8 passes 4 half-way). "
    "name=middle, name=sweep (up and down again) and name=steps (the eight steps of a major scale, of which the range "
    "is an octave) need no values; all=middle sets all parameters. "
    "Examples: rate=4, rate=2:16, rate=0:2,10:16, rate=sweep."
)
COURSES: dict[str, tuple[tuple[float, float], ...]] = {
    "middle": ((0, 0.5),),
    "sweep": ((0, 0), (0.1, 0), (0.4, 1), (0.6, 1), (0.9, 0), (1, 0)),
    "steps": tuple(
        (at, step / 12) for i, step in enumerate((0, 2, 4, 5, 7, 9, 11, 12)) for at in (i / 8, (i + 1) / 8 - 1e-9)
    ),
}
"""Ready courses of any parameter: (share of the sound's length, place in the parameter's range), both 0…1."""
_EVERY = "all"


@dataclass(frozen=True, slots=True)
class Setting:
    """The course of one parameter.

    Attributes:
        name: of the parameter, with or without its label; "all" is every one.
        values: in its unit, passed one after the other.
        seconds: when; None spreads the values evenly over the whole sound.
        course: a name in COURSES, in place of values.
    """

    name: str
    values: tuple[float, ...] = ()
    seconds: tuple[float, ...] | None = None
    course: str | None = None


def parse_setting(text: str) -> Setting:
    """Read `name=0.3`, `name=0:1` (alone: from, to), `name=0:0,5:1` (with commas: second, value) or `name=sweep`.

    Raises:
        ParameterError: if the text cannot be read so, or its seconds do not grow.
    """
    name, equals, course = text.partition("=")
    if name.strip() and course.strip() in COURSES:
        return Setting(name.strip(), course=course.strip())
    try:
        pairs = [[_number(part) for part in point.split(":")] for point in course.split(",")]
    except ValueError:
        pairs = []
    lengths = {len(pair) for pair in pairs}
    if not (name.strip() and equals) or lengths not in ({1}, {2}) or (lengths == {1} and len(pairs) > 1):
        raise ParameterError(f"setting {text!r} cannot be read; write name=0.3, name=0:1 or name=0:0,5:1")
    if len(pairs) == 1:
        return Setting(name.strip(), tuple(pairs[0]))
    seconds, values = zip(*pairs, strict=True)
    if min(seconds) < 0 or any(later <= sooner for sooner, later in itertools.pairwise(seconds)):
        raise ParameterError(f"setting {text!r} has seconds {list(seconds)}; they must grow, from 0 or later")
    return Setting(name.strip(), values, seconds)


def condition(
    schema: Schema, *, label: str | LabelCourse | None, settings: Sequence[Setting], seconds: float, frame_rate: float
) -> Condition:
    """One row of conditions, a frame each 1 / frame_rate seconds; what is not set is absent.

    Args:
        schema: what the model knows.
        label: the class of sound, or several over time as `smalti.generate.LABEL_HELP` has it; None asks for none.
            A parameter of one class sounds as much as that class does.
        settings: one for each parameter to be set.
        seconds: length of the sound; the last frame may be partly filled.
        frame_rate: token frames per second, in Hz. A frame is asked for the value in its middle.
    Raises:
        ParameterError: for an unknown label or parameter (naming the nearest), a value outside its range, a
            parameter set twice, or a length that is not positive.
    """
    if not (math.isfinite(seconds) and seconds > 0):
        raise ParameterError(f"seconds is {seconds}; it must be positive")
    frames = math.ceil(seconds * frame_rate - 1e-6)
    middles = (np.arange(frames) + 0.5) / frame_rate
    course = parse_labels(label, schema.labels, seconds=seconds) if isinstance(label, str) else label
    asked = Condition.empty(1, frames, len(schema.parameters))
    for setting in settings:
        for index in _parameters(schema, setting, [None] if course is None else course.labels):
            if not asked.values[0, 0, index].isnan():
                raise ParameterError(
                    f"parameter {setting.name!r} is set twice; set it once, with several points if it moves"
                )
            heights = _heights(setting, schema.parameters[index], middles, seconds)
            asked.values[0, :, index] = torch.from_numpy(heights).float()
    return (
        asked if course is None else _of_course(asked, schema, course.labels, course.shares(middles, seconds=seconds))
    )


def batch_conditions(conditions: Sequence[Condition]) -> Condition:
    """Conditions of equal length as the rows of one batch."""
    return Condition.joined(conditions)


def _parameters(schema: Schema, setting: Setting, labels: Sequence[str | None]) -> list[int]:
    """Positions of the parameters that a setting means, of those that belong to some of the labels."""
    owned = {i: p for i, p in enumerate(schema.parameters) if p.label is None or p.label in labels}
    named = [i for i, p in owned.items() if setting.name in (p.name, p.key)]
    if setting.name == _EVERY and setting.course is not None and not named:
        return list(owned)
    keys = [owned[i].key for i in named]
    if len(keys) > 1 and setting.name not in keys:
        raise ParameterError(f"parameter {setting.name!r} belongs to several labels; write {' or '.join(keys)}")
    if not named:
        where = " or ".join(str(label) for label in labels if label) or "this model"
        known = dict.fromkeys(p.name for p in owned.values())
        raise ParameterError(f"parameter {setting.name!r} does not belong to {where}; {nearest(setting.name, known)}")
    return [next((i for i in named if owned[i].key == setting.name), named[0])]


def _heights(
    setting: Setting, parameter: Parameter, moments: Float[np.ndarray, " frame"], seconds: float
) -> Float[np.ndarray, " frame"]:
    """Where a parameter stands in its range, 0…1, at each moment."""
    if setting.course is not None:
        times, heights = zip(*COURSES[setting.course], strict=True)
        return np.interp(moments / seconds, times, heights)
    heights = [parameter.normalise(value) for value in setting.values]
    return np.interp(moments, setting.seconds or np.linspace(0, seconds, len(heights)), heights)


def _of_course(
    asked: Condition, schema: Schema, labels: Sequence[str], shares: Float[np.ndarray, "label frame"]
) -> Condition:
    """The same values under labels; one that is never mixed is told as in training."""
    places = [schema.label_index(label) for label in labels]
    strongest = torch.tensor(places)[torch.from_numpy(shares.argmax(0))][None]
    if len(labels) == 1:
        return Condition(strongest, asked.values)
    of_labels = torch.zeros(1, shares.shape[1], len(schema.labels))
    of_labels[0, :, places] = torch.from_numpy(shares.T).float()
    owners = [None if p.label is None else schema.label_index(p.label) for p in schema.parameters]
    of_values = torch.ones_like(asked.values)
    for index, owner in enumerate(owners):
        if owner is not None:
            of_values[..., index] = of_labels[..., owner]
    return Condition(strongest, asked.values, Mix(of_labels, of_values))


def _number(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(text)
    return value
