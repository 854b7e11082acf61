"""Labels over time: one class of sound, a mixture of some, or a way from one into the next.

Between two classes their vectors, and those of their own parameters, are mixed in a straight line, so that each end is
exactly what the model was taught. What lies between was never heard: how it sounds is up to the model.
"""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from smalti.core import ParameterError, nearest

LABEL_HELP = (
    "NAME asks for one class; NAME:NAME:… passes from one into the next over the whole sound; "
    "SECOND:NAME,SECOND:NAME,… passes through them at times and holds the first and the last; "
    "NAME=SHARE,NAME=SHARE,… is a mixture; all gives every class in turn. "
    "A name that holds one of : , = can only be asked for alone. "
    "Examples: rain, rain:wind, 0:rain,2:rain,5:wind, rain=0.3,wind=0.7, all."
)
_EVERY = "all"
_JUMP = 1e-6  # seconds that a change without an overlap takes


@dataclass(frozen=True, slots=True)
class LabelCourse:
    """The course of the label.

    Attributes:
        points: shares by label, which come to 1, passed one after the other.
        seconds: when; None spreads the points evenly over the whole sound.
    """

    points: tuple[dict[str, float], ...]
    seconds: tuple[float, ...] | None = None

    @property
    def labels(self) -> list[str]:
        """All labels of it, in the order in which they come."""
        return list(dict.fromkeys(label for point in self.points for label in point))

    def shares(self, moments: Float[np.ndarray, " frame"], *, seconds: float) -> Float[np.ndarray, "label frame"]:
        """Share of each of its labels at each moment of a sound that is `seconds` long."""
        times = self.seconds or tuple(np.linspace(0, seconds, len(self.points)))
        rows = [[point.get(label, 0.0) for point in self.points] for label in self.labels]
        return np.stack([np.interp(moments, times, row) for row in rows])


def parse_labels(text: str, known: Sequence[str], *, seconds: float) -> LabelCourse:
    """Read what `LABEL_HELP` says.

    Args:
        text: as people write it.
        known: labels of the model.
        seconds: length of the sound.
    Raises:
        ParameterError: for a label that is unknown (names the nearest), shares that do not come to 1, or seconds that
            do not grow.
    """
    if text in known:
        return LabelCourse(({text: 1.0},))
    if text == _EVERY:
        return in_turn(known, seconds=seconds)
    if "=" in text:
        return LabelCourse((_mixture(text, known),))
    if "," not in text:
        return LabelCourse(tuple({_label(name, known): 1.0} for name in text.split(":")))
    pairs = [point.partition(":") for point in text.split(",")]
    times = tuple(_number(second, text) for second, _, _ in pairs)
    if min(times) < 0 or any(later <= sooner for sooner, later in itertools.pairwise(times)):
        raise ParameterError(f"label {text!r} has seconds {list(times)}; they must grow, from 0 or later")
    return LabelCourse(tuple({_label(name, known): 1.0} for _, _, name in pairs), times)


def in_turn(labels: Sequence[str], *, seconds: float, overlap: float = 0.0) -> LabelCourse:
    """Every label for an equal time, one after the other.

    Args:
        labels: in their order.
        seconds: length of the sound.
        overlap: share of a label's time, 0…1, in which it passes into the next; 0 changes at once.
    Raises:
        ParameterError: if there is no label or the overlap is outside 0…1.
    """
    if not labels or not 0 <= overlap <= 1:
        raise ParameterError(f"found {len(labels)} labels and an overlap of {overlap:g}, wanted some and 0…1")
    part = seconds / len(labels)
    half = max(overlap * part, _JUMP) / 2
    points, times = [{labels[0]: 1.0}], [0.0]
    for place, (one, other) in enumerate(itertools.pairwise(labels), start=1):
        points += [{one: 1.0}, {other: 1.0}]
        times += [max(part * place - half, times[-1]), part * place + half]
    return LabelCourse(tuple(points), tuple(times))


def _mixture(text: str, known: Sequence[str]) -> dict[str, float]:
    pairs = [part.partition("=") for part in text.split(",")]
    shares = {_label(name, known): _number(share, text) for name, _, share in pairs}
    total = sum(shares.values())
    if len(shares) < len(pairs) or min(shares.values()) < 0 or not math.isclose(total, 1, abs_tol=1e-6):
        found = ", ".join(f"{name} {share:g}" for name, share in shares.items())
        raise ParameterError(f"label {text!r} has the shares {found}; give each label once, with shares that come to 1")
    return shares


def _label(name: str, known: Sequence[str]) -> str:
    if name.strip() not in known:
        raise ParameterError(f"label {name.strip()!r} is unknown; {nearest(name.strip(), known)}")
    return name.strip()


def _number(text: str, whole: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise ParameterError(
            f"label {whole!r} cannot be read at {text!r}; write rain:wind, 0:rain,5:wind or a=0.3,b=0.7"
        )
    return number
