"""Codes without a codebook: a few numbers, each rounded to a few values. Nothing can collapse and nothing is stored."""

import math
from collections.abc import Sequence
from functools import cache

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from smalti.core import ParameterError
from smalti.quantize.interface import Quantized

_PUBLISHED = {
    256: (8, 6, 5),
    1024: (8, 5, 5, 5),
    4096: (7, 5, 5, 5, 5),
    16384: (8, 8, 8, 6, 5),
    65536: (8, 8, 8, 5, 5, 5),
}
_SIDES = (8, 7, 6, 5)  # fewer than five values a number were found to be worse
_MARGIN = 1e-3


class FiniteScalarQuantizer(nn.Module):
    """Projects a latent to one number per entry of `levels`, bounds it and rounds it to that many values.

    Worked example, levels 3, 2: the code of values (i, j) is i + 3 · j, so V = 6.

    Source: Mentzer et al. 2023 (finite scalar quantization), section 3 and table 1.
    """

    codebooks = 1

    shift: Tensor
    offset: Tensor
    reach: Tensor
    base: Tensor
    sizes: Tensor

    def __init__(self, *, dim: int, levels: Sequence[int]) -> None:
        """Lay the grid out.

        Raises:
            ParameterError: if a level is under 2, or there are more codes than 65,536.
        """
        super().__init__()
        if not levels or min(levels) < 2 or math.prod(levels) > 65_536:
            raise ParameterError(f"levels {list(levels)} make no grid of 2…65536 codes; give numbers from 2, as [8, 5]")
        self.vocab = math.prod(levels)
        self.inwards = nn.Conv1d(dim, len(levels), 1)
        self.outwards = nn.Conv1d(len(levels), dim, 1)
        sizes = torch.tensor(levels)
        half = (sizes - 1) * (1 + _MARGIN) / 2
        offset = torch.where(sizes % 2 == 0, 0.5, 0.0)
        named = {
            "sizes": sizes[:, None],
            "base": torch.cumprod(torch.tensor([1, *levels[:-1]]), 0)[:, None],
            "reach": half[:, None],
            "offset": offset[:, None],
            "shift": torch.atanh(offset / half)[:, None],
        }
        for name, value in named.items():
            self.register_buffer(name, value, persistent=False)

    def start(self, latents: Float[Tensor, "batch dim frame"]) -> None:
        """Nothing: there are no code vectors to place."""

    def forward(self, latents: Float[Tensor, "batch dim frame"], *, restart_below: float = 0.0) -> Quantized:
        """Round, with straight-through gradients; nothing to commit to, and nothing that could fall idle."""
        with torch.autocast(latents.device.type, enabled=False):
            bounded = self._bounded(latents)
            rounded = bounded + (bounded.round() - bounded).detach()
            return Quantized(self._outwards(rounded), self._codes(rounded.detach()), latents.new_zeros(()).float())

    def encode(self, latents: Float[Tensor, "batch dim frame"]) -> Int64[Tensor, "batch codebook frame"]:
        """The code of the rounded values."""
        return self._codes(self._bounded(latents).round())

    def decode(self, codes: Int64[Tensor, "batch codebook frame"]) -> Float[Tensor, "batch dim frame"]:
        """The rounded values, projected back."""
        values = codes // self.base % self.sizes - self.sizes // 2
        return self._outwards(values.float())

    def _bounded(self, latents: Tensor) -> Tensor:
        """Numbers that round to -⌊L/2⌋ … ⌈L/2⌉ - 1; an even count of values lies half a step off centre."""
        return torch.tanh(self.inwards(latents.float()) + self.shift) * self.reach - self.offset

    def _outwards(self, values: Tensor) -> Tensor:
        return self.outwards(values / (self.sizes // 2))

    def _codes(self, values: Tensor) -> Tensor:
        return ((values.round().long() + self.sizes // 2) * self.base).sum(dim=1, keepdim=True)


@cache
def levels_for(vocab: int) -> tuple[int, ...]:
    """Levels whose product comes near `vocab` from below: the paper's where it has them, else the largest product.

    1024 gives 8·5·5·5 = 1000, 128 gives 5·5·5 = 125; under 25 there is one number of `vocab` values.
    """
    if vocab in _PUBLISHED:
        return _PUBLISHED[vocab]
    return max(_grids(vocab, _SIDES), key=lambda levels: (math.prod(levels), -len(levels)), default=(vocab,))


def _grids(vocab: int, sides: tuple[int, ...]) -> list[tuple[int, ...]]:
    """All falling sequences of at least two sides whose product is at most `vocab`."""
    found: list[tuple[int, ...]] = []
    growing: list[tuple[int, ...]] = [(side,) for side in sides]
    while growing:
        longer = [(*one, side) for one in growing for side in sides if side <= one[-1]]
        growing = [one for one in longer if math.prod(one) <= vocab]
        found.extend(growing)
    return found
