"""Matrix products and norms of a few rows, which are what a step of a batch of histories is made of.

A row alone is read as fast as its weights come from memory, in whatever order they lie. From 4 rows on, a CPU's product
takes up to two and a half times as long with weights as layers keep them as with blocks of 32 columns, each in one
piece: of 8 rows, one thread, in microseconds

    in, out      as kept   in blocks
    256, 256          18          17
    704, 256          53          36
    256, 1408        118          71
    256, 4096        510         216
    512, 4096       1251         500
"""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

_COLUMNS = 32
_FEW = range(4, 65)


class FewRows:
    """x Wᵀ + b for about as many rows as are known beforehand; where that is faster, of a copy of W in blocks."""

    def __init__(
        self, weight: Float[Tensor, "out in"], bias: Float[Tensor, " out"] | None = None, *, rows: int
    ) -> None:
        """Lay the weights out; a copy does not see what is learnt later."""
        self._weight, self._bias = weight.detach(), None if bias is None else bias.detach()
        self._blocks: Tensor | None = None
        if weight.device.type == "cpu" and rows in _FEW and len(weight) % _COLUMNS == 0:
            self._blocks = self._weight.unflatten(0, (-1, _COLUMNS)).mT.contiguous()
            self._bias = None if self._bias is None else self._bias.view(-1, 1, _COLUMNS)

    def __call__(self, rows: Float[Tensor, "row in"]) -> Float[Tensor, "row out"]:
        """The product."""
        if self._blocks is None:
            return functional.linear(rows, self._weight, self._bias)
        spread = rows.expand(len(self._blocks), -1, -1)
        made = (
            torch.bmm(spread, self._blocks) if self._bias is None else torch.baddbmm(self._bias, spread, self._blocks)
        )
        return made.transpose(0, 1).reshape(len(rows), -1)


class UnitRows:
    """x / √(mean x² + ε) as `torch.nn.RMSNorm` does it without a scale, in half as many calls."""

    def __init__(self, like: Float[Tensor, " dim"]) -> None:
        """For rows as wide as `like`, in its precision."""
        self._share = 1 / len(like)
        self._least = like.new_full((1, 1), torch.finfo(like.dtype).eps)

    def __call__(self, rows: Float[Tensor, "row dim"]) -> Float[Tensor, "row dim"]:
        """The rows, each of mean square one."""
        length = torch.linalg.vector_norm(rows, dim=-1, keepdim=True)
        return rows * torch.addcmul(self._least, length, length, value=self._share).rsqrt_()
