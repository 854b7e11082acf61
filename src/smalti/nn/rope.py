"""Rotary positions: a score between two vectors depends on how far apart they stand, never on where they stand.

Each head turns its own pairs of numbers, so that the law holds per head. Angles are computed in float64: float32 would
lose about 0.06 rad at position 1,000,000, and an endless sound gets there.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int64
from torch import Tensor

_BASE = 10_000.0


@dataclass(frozen=True, slots=True)
class Rotation:
    """Cosine and sine of the angle of every pair at some positions; the head axis is 1, one turn for all heads."""

    cosine: Float[Tensor, "#batch 1 row half"]
    sine: Float[Tensor, "#batch 1 row half"]


@dataclass(frozen=True, slots=True)
class RowTurn:
    """The same for one row of each history and both halves: the sine of the first half is negative."""

    cosine: Float[Tensor, "batch 1 1 2 half"]
    sine: Float[Tensor, "batch 1 1 2 half"]


def rotation(positions: Int64[Tensor, "#batch row"], *, head_dim: int, stride: int = 1) -> Rotation:
    """Angles position · 10000^(-i / half) for pair i of half = head_dim / 2.

    With a stride s above 1 positions have two parts: the first pairs turn by position // s (time), the others by
    position mod s (the place within a frame), so that "the same place one frame earlier" is one direction.

    Source: arXiv:2104.09864, eq. 15; pairs are (i, i + half).
    """
    rates = turning_rates(head_dim, stride=stride, device=positions.device)
    turned = angles(positions[:, None, :, None], rates, stride=stride)
    return Rotation(turned.cos().float(), turned.sin().float())


def turning_rates(head_dim: int, *, stride: int, device: torch.device) -> Float[Tensor, "part half"]:
    """Radians that each pair turns from one position to the next: of its one part; or of time, and of the place."""
    half = head_dim // 2
    if stride == 1:
        return _rates(half, device)[None]
    place = half // 2
    time = half - place
    return torch.block_diag(_rates(time, device), _rates(place, device))


def angles(
    positions: Int64[Tensor, "*stack 1"], rates: Float[Tensor, "part *signs half"], *, stride: int
) -> Float[Tensor, "*turned half"]:
    """Radians that the pairs of a position have turned since position 0."""
    if stride == 1:
        return positions * rates[0]
    return positions // stride * rates[0] + positions % stride * rates[1]


def _rates(pairs: int, device: torch.device) -> Float[Tensor, " pair"]:
    return _BASE ** -(torch.arange(pairs, dtype=torch.float64, device=device) / pairs)


def rotate(
    vectors: Float[Tensor, "*stack batch head row dim"], turn: Rotation
) -> Float[Tensor, "*stack batch head row dim"]:
    """Turn queries and keys by the angles of their positions, in their own precision."""
    cosine, sine = turn.cosine.to(vectors.dtype), turn.sine.to(vectors.dtype)
    first, second = vectors.chunk(2, dim=-1)
    return torch.cat((first * cosine - second * sine, first * sine + second * cosine), dim=-1)


class RowTurns:
    """The same for one row of each history, where a number costs nothing and a call much: rates are kept."""

    def __init__(self, *, head_dim: int, stride: int, device: torch.device) -> None:
        rates = turning_rates(head_dim, stride=stride, device=device)
        self._stride, self._rates = stride, torch.stack([-rates, rates], dim=1)

    def at(self, positions: Int64[Tensor, " batch"]) -> RowTurn:
        """The turn at the position of each row."""
        turned = angles(positions[:, None, None], self._rates, stride=self._stride)[:, None, None]
        return RowTurn(turned.cos().float(), turned.sin().float())


def turn_in_place(halves: Float[Tensor, "batch part head 2 half"], turn: RowTurn) -> None:
    """Turn queries and keys of a row, each given as its first and its second half."""
    other = halves.flip(3)
    halves.mul_(turn.cosine).addcmul_(other, turn.sine)
