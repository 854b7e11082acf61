"""Residual vector quantisation: every codebook says what the ones before it left over."""

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from smalti.core import ParameterError
from smalti.quantize.in_row import decode_in_row, encode_in_row
from smalti.quantize.interface import Quantized
from smalti.quantize.prior import PriorQuantizer
from smalti.quantize.vector import VectorQuantizer


class ResidualVectorQuantizer(nn.Module):
    """`codebooks` quantisers in a row; the sum of their vectors stands for the latent.

    Source: Zeghidour et al. 2021 (SoundStream), algorithm 1.
    """

    def __init__(
        self,
        *,
        dim: int,
        codebooks: int,
        vocab: int,
        decay: float = 0.97,
        restarts: int | None = None,
        first: PriorQuantizer | None = None,
    ) -> None:
        """Lay the codebooks out, unlearnt.

        Args:
            dim: numbers of a latent.
            codebooks: in a row.
            vocab: code vectors of each.
            decay, restarts: as of `VectorQuantizer`.
            first: a fixed codebook in place of the first.
        Raises:
            ParameterError: if it has more or fewer codes than the others.
        """
        super().__init__()
        if first is not None and first.vocab != vocab:
            raise ParameterError(f"found a first codebook of {first.vocab} codes, wanted {vocab} as the others have")
        self.codebooks = codebooks
        self.vocab = vocab
        own = codebooks if first is None else codebooks - 1
        learnt = [VectorQuantizer(dim=dim, vocab=vocab, decay=decay, restarts=restarts) for _ in range(own)]
        layers: list[VectorQuantizer | PriorQuantizer] = [*([] if first is None else [first]), *learnt]
        self._fixed = first is not None
        self.layers: nn.ModuleList = nn.ModuleList(layers)
        self._quantizers = tuple(layers)

    @torch.no_grad()
    def start(self, latents: Float[Tensor, "batch dim frame"]) -> None:
        """Place the code vectors of each codebook by k-means on what is left over."""
        residual = latents.float()
        for quantizer in self._quantizers:
            quantizer.start(residual)
            residual = residual - quantizer.decode(quantizer.encode(residual))

    def forward(
        self, latents: Float[Tensor, "batch dim frame"], *, restart_below: float = 0.0, depth: int | None = None
    ) -> Quantized:
        """Quantise, learning as `VectorQuantizer.forward` does; the loss is the mean over codebooks.

        Args:
            latents: in any precision.
            restart_below: as of `VectorQuantizer.forward`.
            depth: only the first so many codebooks take part and learn; None is all.
        """
        with torch.autocast(latents.device.type, enabled=False):
            latents = latents.float()
            residual, codes, losses, parts = latents, [], [], []
            for quantizer in self._quantizers[:depth]:
                step = quantizer(residual, restart_below=restart_below)
                residual = residual - step.vectors.detach()
                codes.append(step.codes)
                losses.append(step.loss)
                parts.append(step.vectors)
            # the chosen vectors are what the residual lacks; detached, their gradient goes to the latents whole
            vectors = latents - residual.detach()
            if self._fixed:  # whose maps learn by the gradient of what they give; its value is counted already
                vectors = vectors + parts[0] - parts[0].detach() - latents + latents.detach()
            return Quantized(vectors, torch.cat(codes, dim=1), torch.stack(losses).mean(), parts=torch.stack(parts))

    def encode(
        self, latents: Float[Tensor, "batch dim frame"], *, depth: int | None = None
    ) -> Int64[Tensor, "batch codebook frame"]:
        """Codes of the first `depth` codebooks (None: all), the coarsest first."""
        return encode_in_row(self._quantizers[:depth], latents)

    def decode(self, codes: Int64[Tensor, "batch codebook frame"]) -> Float[Tensor, "batch dim frame"]:
        """The sum of the code vectors, of the first codebooks if there are codes of fewer than all."""
        return decode_in_row(self._quantizers, codes)
