"""Linear maps in bf16 that make of a row the same in any company.

A matrix product chooses by the number of its rows in which order it adds. In fp32 that moves the seventh digit; in bf16
a sum that differs in its last bit may be rounded to a neighbour half a percent away, and so what a recording becomes
would depend on what it is heard with. Here all rows go through in blocks of one size, so that every row is added up in
one way. A product lays the weights out anew for the processor, which blocks would pay for again and again; so these are
laid out once.
"""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

BLOCK = 192
"""Rows that go through together: with fewer, large nets are slower; with more, short recordings are."""


class SteadyLinear(nn.Module):
    """A linear map with weights in bf16, for networks that no longer learn; steady on CPUs, elsewhere as it comes."""

    def __init__(self, weight: Float[Tensor, "wide dim"], bias: Float[Tensor, " wide"] | None):
        super().__init__()
        self.weight = nn.Parameter(weight.detach().to(torch.bfloat16), requires_grad=False)
        self.bias = None if bias is None else nn.Parameter(bias.detach().to(torch.bfloat16), requires_grad=False)
        self._laid_out = _laid_out(self.weight)

    def forward(self, rows: Float[Tensor, "*batch dim"]) -> Float[Tensor, "*batch wide"]:
        """The map of every row, in bf16."""
        flat = rows.flatten(0, -2).to(torch.bfloat16)
        if flat.device.type != "cpu":
            return functional.linear(flat, self.weight, self.bias).view(*rows.shape[:-1], -1)
        *blocks, last = flat.split(BLOCK)
        mapped = [self._block(block) for block in blocks]
        mapped.append(self._block(functional.pad(last, (0, 0, 0, BLOCK - len(last))))[: len(last)])
        return (torch.cat(mapped) if blocks else mapped[0]).view(*rows.shape[:-1], -1)

    def __deepcopy__(self, memo: dict[int, Any]) -> "SteadyLinear":
        """What is laid out cannot be copied; it is laid out again."""
        return SteadyLinear(self.weight.clone(), None if self.bias is None else self.bias.clone())

    def _block(self, rows: Tensor) -> Tensor:
        if self._laid_out is None:
            return functional.linear(rows, self.weight, self.bias)
        return torch.ops.mkldnn._linear_pointwise(rows, self._laid_out, self.bias, "none", [], "")


def steady(part: nn.Module) -> None:
    """Put a steady map in the place of every linear map inside a module."""
    for inner in [*part.modules()]:
        for name, child in inner.named_children():
            if isinstance(child, nn.Linear):
                setattr(inner, name, SteadyLinear(child.weight, child.bias))


def _laid_out(weight: Tensor) -> Tensor | None:
    """The weights as the processor's bf16 instructions want them; None where it has none, or they are elsewhere."""
    has = torch.backends.mkldnn.is_available() and torch.ops.mkldnn._is_mkldnn_bf16_supported()
    if weight.device.type != "cpu" or not has:
        return None
    return torch.ops.mkldnn._reorder_linear_weight(weight.detach(), BLOCK)
