"""What is asked over time: settings as people write them, become the condition of every frame."""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from smalti.core import Condition, ParameterError, Schema

SETTING_HELP = (
    "name=VALUE holds a value; name=A:B moves from A to B over the whole sound; "
    "name=SECOND:VALUE,SECOND:VALUE,… passes through values at times and holds the first and the last. "
    "Values are in the parameter's own unit, and movement is even in its own scale "
    "(on a logarithmic one 2 to 8 passes 4 half-way). "
    "Examples: rate=4, rate=2:16, rate=0:2,10:16."
)


@dataclass(frozen=True, slots=True)
class Setting:
    """The course of one parameter.

    Attributes:
        name: of the parameter, without its label.
        values: in its unit, passed one after the other.
        seconds: when; None spreads the values evenly over the whole sound.
    """

    name: str
    values: tuple[float, ...]
    seconds: tuple[float, ...] | None = None


def parse_setting(text: str) -> Setting:
    """Read `name=0.3`, `name=0:1` (a pair alone: from, to) or `name=0:0,5:1` (with commas: second, value).

    Raises:
        ParameterError: if the text cannot be read so, or its seconds do not grow.
    """
    name, equals, course = text.partition("=")
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
    schema: Schema, *, label: str | None, settings: Sequence[Setting], seconds: float, frame_rate: float
) -> Condition:
    """One row of conditions, a frame each 1 / frame_rate seconds; what is not set is absent.

    Args:
        schema: what the model knows.
        label: the class of sound; None asks for none.
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
    asked = Condition.empty(1, frames, len(schema.parameters))
    asked.labels[:] = -1 if label is None else schema.label_index(label)
    middles = (np.arange(frames) + 0.5) / frame_rate
    for setting in settings:
        index = schema.parameter_index(setting.name, label)
        if not asked.values[0, 0, index].isnan():
            raise ParameterError(
                f"parameter {setting.name!r} is set twice; set it once, with several points if it moves"
            )
        heights = [schema.parameters[index].normalise(value) for value in setting.values]
        times = setting.seconds or tuple(np.linspace(0, seconds, len(heights)))
        asked.values[0, :, index] = torch.from_numpy(np.interp(middles, times, heights)).float()
    return asked


def batch_conditions(conditions: Sequence[Condition]) -> Condition:
    """Conditions of equal length as the rows of one batch."""
    return Condition(torch.cat([c.labels for c in conditions]), torch.cat([c.values for c in conditions]))


def _number(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(text)
    return value
