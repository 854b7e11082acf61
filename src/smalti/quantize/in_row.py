"""Codebooks in a row, each hearing what those before it left over: how any such row encodes and decodes."""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int64
from torch import Tensor


@runtime_checkable
class OneOfRow(Protocol):
    """A quantiser with one codebook."""

    def encode(self, latents: Float[Tensor, "batch dim frame"]) -> Int64[Tensor, "batch codebook frame"]: ...
    def decode(self, codes: Int64[Tensor, "batch codebook frame"]) -> Float[Tensor, "batch dim frame"]: ...


def encode_in_row(
    quantizers: Sequence[OneOfRow], latents: Float[Tensor, "batch dim frame"]
) -> Int64[Tensor, "batch codebook frame"]:
    """Codes of each, the coarsest first."""
    codes: list[Tensor] = []
    for quantizer in quantizers:
        codes.append(quantizer.encode(latents))
        latents = latents - quantizer.decode(codes[-1])
    return torch.cat(codes, dim=1)


def decode_in_row(
    quantizers: Sequence[OneOfRow], codes: Int64[Tensor, "batch codebook frame"]
) -> Float[Tensor, "batch dim frame"]:
    """The sum of what the codes stand for, of the first quantisers if there are codes of fewer than all."""
    rows = zip(quantizers, codes.split(1, dim=1), strict=False)
    return torch.stack([quantizer.decode(row) for quantizer, row in rows]).sum(dim=0)
