"""Where a patch lies, as fixed waves: the same for the same place whatever the length of the picture."""

from functools import cache

import torch
from jaxtyping import Float
from torch import Tensor


@cache
def positions(*, rows: int, columns: int, width: int) -> Float[Tensor, "token dim"]:
    """Position vectors of a grid of patches, frequency slow and time fast: token f · columns + t.

    The first half of a vector says the time t, the second the frequency f; each is [sin, cos] of
    place / 10000^(i / (width / 4)) for i = 0…width / 4 - 1. One row of patches has f = 0 everywhere.

    Args:
        rows: patches over the frequencies.
        columns: patches over time, any number.
        width: of the vectors; divides by 4.
    Source: arXiv:2111.06377; dimensions as the published MATPAC weights have them.
    """
    rates = 10000 ** -(torch.arange(width // 4, dtype=torch.float64) / (width // 4))
    time = _waves(torch.arange(columns), rates).expand(rows, -1, -1)
    frequency = _waves(torch.arange(rows), rates)[:, None].expand(-1, columns, -1)
    return torch.cat([time, frequency], dim=2).flatten(0, 1).float()


def _waves(places: Tensor, rates: Tensor) -> Tensor:
    angles = places[:, None] * rates
    return torch.cat([angles.sin(), angles.cos()], dim=1)
