"""What stays is told once; what changes, or mixes labels, is told anew."""

import math

import torch

from smalti.core import Condition, Mix
from smalti.nn.modulation import ToldOnce


def asked(label: int, value: float = math.nan, mix: Mix | None = None) -> Condition:
    return Condition(torch.full((2, 1), label), torch.full((2, 1, 3), value), mix)


def test_a_condition_that_stays_is_the_very_same_vectors_and_any_other_is_not() -> None:
    told: list[Condition] = []
    once = ToldOnce(lambda condition: told.append(condition) or torch.zeros(2, 1, 5))
    first = once(asked(1))
    assert once(asked(1)) is first and len(told) == 1
    for other in (asked(0), asked(1, 0.5), asked(1)):
        assert once(other) is not first
    mixed = asked(1, mix=Mix(torch.full((2, 1, 4), 0.25), torch.ones(2, 1, 3)))
    assert once(mixed) is not once(mixed) and len(told) == 6
