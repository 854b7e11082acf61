"""Rows of a picture that share one quantiser: the token grid of an image codec as parallel code streams."""

import dataclasses
from typing import cast

from jaxtyping import Float, Int64
from torch import Tensor, nn

from smalti.quantize.interface import Quantized, Quantizer


class RowQuantizer(nn.Module):
    """Quantises each of `rows` equal parts of a latent with the same quantiser.

    A latent of rows·dim numbers is `rows` vectors, the first row first:
    [r0d0 r0d1 … r1d0 r1d1 …] gives codes [r0, r1, …]; where the quantiser has codebooks a, b: [r0a, r0b, r1a, …].

    Attributes:
        shared: the quantiser of one row.
    """

    shared: nn.Module

    def __init__(self, one: Quantizer, *, rows: int) -> None:
        super().__init__()
        self.rows = rows
        self.codebooks = rows * one.codebooks
        self.vocab = one.vocab
        self.shared = cast(nn.Module, one)
        self._one = (one,)  # the same, as the interface; in a tuple, lest it be registered twice

    def start(self, latents: Float[Tensor, "batch dim frame"]) -> None:
        """Place the shared code vectors among the latents of all rows."""
        self._one[0].start(self._split(latents))

    def forward(self, latents: Float[Tensor, "batch dim frame"], *, restart_below: float = 0.0) -> Quantized:
        """Quantise, learning as the shared quantiser does."""
        step: Quantized = self.shared(self._split(latents), restart_below=restart_below)
        vectors, codes = self._join(step.vectors), self._streams(step.codes)
        return dataclasses.replace(step, vectors=vectors, codes=codes, parts=None)

    def encode(self, latents: Float[Tensor, "batch dim frame"]) -> Int64[Tensor, "batch codebook frame"]:
        """Codes of every row."""
        return self._streams(self._one[0].encode(self._split(latents)))

    def decode(self, codes: Int64[Tensor, "batch codebook frame"]) -> Float[Tensor, "batch dim frame"]:
        """The vectors of all rows, one after another in a latent."""
        rows = codes.unflatten(1, (self.rows, -1)).transpose(1, 2).flatten(2)
        return self._join(self._one[0].decode(rows))

    def _split(self, latents: Tensor) -> Tensor:
        """[batch, row·dim, frame] to [batch, dim, row·frame]."""
        return latents.unflatten(1, (self.rows, -1)).transpose(1, 2).flatten(2)

    def _join(self, latents: Tensor) -> Tensor:
        """[batch, dim, row·frame] to [batch, row·dim, frame]."""
        return latents.unflatten(2, (self.rows, -1)).transpose(1, 2).flatten(1, 2)

    def _streams(self, codes: Tensor) -> Tensor:
        """[batch, depth, row·frame] to [batch, row·depth, frame]."""
        return codes.unflatten(2, (self.rows, -1)).transpose(1, 2).flatten(1, 2)
