"""Ways from one latent to another."""

from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

Way = Literal["slerp", "linear"]

_FLAT = 1e-4  # sine of an angle below which an arc is a line


def between(
    first: Float[Tensor, "*batch latent"],
    second: Float[Tensor, "*batch latent"],
    share: float | Float[Tensor, "*batch"],
    *,
    way: Way = "slerp",
) -> Float[Tensor, "*batch latent"]:
    """The latents that are `share` (0…1) of the way from the first to the second; exactly these at 0 and 1.

    A line passes nearer to the origin than both of its ends, where latents of N(0, 1) hardly ever lie; an arc
    (`slerp`) keeps its distance:

        sin((1 - t) ω) / sin ω · first + sin(t ω) / sin ω · second,  ω the angle between them

    Source: Shoemake 1985; for latents White 2016 (arXiv:1609.04468).
    """
    one, two = first.double(), second.double()
    along = torch.as_tensor(share, dtype=torch.float64, device=first.device)[..., None]
    line = (1 - along) * one + along * two
    if way == "linear":
        return line.to(first.dtype)
    # NaN where one of them has no direction
    cosine = (one * two).sum(-1, keepdim=True) / (one.norm(dim=-1, keepdim=True) * two.norm(dim=-1, keepdim=True))
    angle = torch.acos(cosine.clamp(-1, 1))
    weights = ((1 - along) * angle).sin() / angle.sin(), (along * angle).sin() / angle.sin()
    arc = weights[0] * one + weights[1] * two
    return torch.where(angle.sin() > _FLAT, arc, line).to(first.dtype)
