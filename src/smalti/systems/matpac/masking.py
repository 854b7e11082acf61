"""Which patches a crop shows: at random, apart from one another, as many in every crop."""

import torch
from jaxtyping import Int64
from torch import Tensor


def shown_tokens(tokens: int, *, mask: float) -> int:
    """How many of them are shown when a share `mask` is hidden: 57 of 190 at 0.7.

    At least one is shown and one hidden. Counted so that a share like 0.7, which no binary number is, cannot take one
    away.
    """
    return min(max(int(round(tokens * (1 - mask), 6)), 1), tokens - 1)


def shuffled(tokens: int, generator: torch.Generator) -> Int64[Tensor, " token"]:
    """The tokens of one crop in random order: the first ones are shown, the others hidden."""
    return torch.rand(tokens, generator=generator).argsort()


def take(rows: Tensor, order: Int64[Tensor, "batch chosen"]) -> Tensor:
    """Rows [batch, token, dim] of each crop, in an order of its own: [batch, chosen, dim]."""
    return rows.take_along_dim(order[..., None], dim=1)
