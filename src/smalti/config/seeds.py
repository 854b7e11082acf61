"""One seed in the settings becomes an independent seed for every step, row or clip, without any state to save."""

from typing import Any, TypeVar

_Numbers = TypeVar("_Numbers")  # an int, or an array
_MASK = (1 << 64) - 1


def mix(seed: int, *parts: int) -> int:
    """A seed in 0…2^63-1 for one place of a run, such as `mix(seed, step)`; equal places give equal seeds.

    The low 32 bits are as well mixed as the high ones: torch's CPU generator uses no others.

    Source: the finaliser of SplitMix64 (Steele, Lea, Flood 2014), applied once per part.
    """
    state = splitmix64(seed)
    for part in parts:
        state = splitmix64(state ^ splitmix64(part ^ 0x5851F42D4C957F2D))
    return state >> 1


def splitmix64(value: _Numbers) -> _Numbers:
    """The finaliser of SplitMix64: of one number, or of each of an array of 64 unsigned bits."""
    state: Any = value
    state = (state + 0x9E3779B97F4A7C15) & _MASK
    state = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    state = ((state ^ (state >> 27)) * 0x94D049BB133111EB) & _MASK
    return state ^ (state >> 31)
