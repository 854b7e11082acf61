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


def rotation(positions: Int64[Tensor, "#batch row"], *, head_dim: int, stride: int = 1) -> Rotation:
    """Angles position · 10000^(-i / half) for pair i of half = head_dim / 2.

    With a stride s above 1 positions have two parts: the first pairs turn by position // s (time), the others by
    position mod s (the place within a frame), so that "the same place one frame earlier" is one direction.

    Source: arXiv:2104.09864, eq. 15; pairs are (i, i + half).
    """
    half = head_dim // 2
    if stride == 1:
        angles = _angles(positions, half)
    else:
        parts = positions // stride, positions % stride
        angles = torch.cat([_angles(parts[0], half - half // 2), _angles(parts[1], half // 2)], dim=-1)
    return Rotation(angles.cos().float(), angles.sin().float())


def _angles(positions: Tensor, pairs: int) -> Float[Tensor, "#batch 1 row pair"]:
    exponents = torch.arange(pairs, dtype=torch.float64, device=positions.device) / pairs
    return positions[:, None, :, None].double() * _BASE**-exponents


def rotate(
    vectors: Float[Tensor, "*stack batch head row dim"], turn: Rotation
) -> Float[Tensor, "*stack batch head row dim"]:
    """Turn queries and keys by the angles of their positions, in their own precision."""
    cosine, sine = turn.cosine.to(vectors.dtype), turn.sine.to(vectors.dtype)
    first, second = vectors.chunk(2, dim=-1)
    return torch.cat((first * cosine - second * sine, first * sine + second * cosine), dim=-1)
