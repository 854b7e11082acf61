"""Fourier features: a number in 0…1 as a few slow waves, so that a network can bend it but not memorise it.

Fast waves (16 cycles over the range were tried) let a model learn every training value by heart and miss the values
between them; these stay below two cycles.
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor

CYCLES = tuple(0.25 * 8 ** (i / 5) for i in range(6))  # 0.25 … 2 over the range
FEATURES = 2 * len(CYCLES)


def fourier_features(values: Float[Tensor, "*batch"]) -> Float[Tensor, "*batch feature"]:
    """Sine and cosine of every number at each rate in CYCLES."""
    angles = values[..., None] * (2 * math.pi * torch.tensor(CYCLES, device=values.device))
    return torch.cat([angles.sin(), angles.cos()], dim=-1)
