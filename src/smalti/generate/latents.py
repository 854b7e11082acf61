"""Ways from one latent to another."""

from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

Way = Literal["slerp", "linear"]

_FLAT = 1e-4  # sine of an angle below which an arc is a line


def between(
    first: Float[Tensor, " latent"], second: Float[Tensor, " latent"], share: float, *, way: Way = "slerp"
) -> Float[Tensor, " latent"]:
    """The latent that is `share` (0…1) of the way from the first to the second; exactly these at 0 and 1.

    A line passes nearer to the origin than both of its ends, where latents of N(0, 1) hardly ever lie; an arc
    (`slerp`) keeps its distance:

        sin((1 - t) ω) / sin ω · first + sin(t ω) / sin ω · second,  ω the angle between them

    Source: Shoemake 1985; for latents White 2016 (arXiv:1609.04468).
    """
    one, two, along = first.double(), second.double(), torch.tensor(share, dtype=torch.float64)
    cosine = one @ two / (one.norm() * two.norm())  # NaN where one of them has no direction
    angle = torch.acos(cosine.clamp(-1, 1))
    if way == "linear" or not angle.sin() > _FLAT:
        return ((1 - along) * one + along * two).to(first.dtype)
    weights = ((1 - along) * angle).sin() / angle.sin(), (along * angle).sin() / angle.sin()
    return (weights[0] * one + weights[1] * two).to(first.dtype)
