"""Residual codebooks of few dimensions: each looks at what is left over through a narrow projection.

Source: Kumar et al. 2023 (DAC, arXiv:2306.06546), section 3.2: factorised, length-normalised codes, learnt by gradient.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor, autocast, nn
from torch.nn import functional

from smalti.quantize.interface import Quantized
from smalti.quantize.kmeans import kmeans
from smalti.quantize.vector import as_points, spare_latents


@dataclass(frozen=True, slots=True)
class Look:
    """What one codebook makes of what is left over.

    Attributes:
        vectors: its codes, projected back; gradients pass straight through to the latents.
        codes: the choices.
        commitment, distance: mean squared distances of each item in the narrow space: gradients to the projected
            latents only, and to the codes only.
    """

    vectors: Float[Tensor, "batch dim frame"]
    codes: Int64[Tensor, "batch frame"]
    commitment: Float[Tensor, " batch"]
    distance: Float[Tensor, " batch"]


class ProjectedQuantizer(nn.Module):
    """The code of the smallest angle to a projection of the latent; what is given back is that code, projected."""

    def __init__(self, *, dim: int, vocab: int, code_dim: int) -> None:
        super().__init__()
        self.inwards = nn.Conv1d(dim, code_dim, 1)
        self.codebook = nn.Embedding(vocab, code_dim)
        self.outwards = nn.Conv1d(code_dim, dim, 1)

    def look(self, latents: Float[Tensor, "batch dim frame"]) -> Look:
        """Quantise, with what learning needs."""
        narrow = self.inwards(latents)
        codes = self._nearest(narrow)
        chosen = self.codebook(codes).mT
        vectors = self.outwards(narrow + (chosen - narrow).detach())
        commitment, distance = ((a - b.detach()).square().mean((1, 2)) for a, b in ((narrow, chosen), (chosen, narrow)))
        return Look(vectors, codes, commitment, distance)

    def encode(self, latents: Float[Tensor, "batch dim frame"]) -> Int64[Tensor, "batch codebook frame"]:
        """Index of the code of the smallest angle."""
        return self._nearest(self.inwards(latents))[:, None]

    def decode(self, codes: Int64[Tensor, "batch codebook frame"]) -> Float[Tensor, "batch dim frame"]:
        """Codes, projected back."""
        return self.outwards(self.codebook(codes[:, 0]).mT)

    def _nearest(self, narrow: Float[Tensor, "batch code_dim frame"]) -> Int64[Tensor, "batch frame"]:
        directions = functional.normalize(narrow.float(), dim=1).mT
        return (directions @ functional.normalize(self.codebook.weight.float(), dim=1).mT).argmax(-1)


class ProjectedResidualQuantizer(nn.Module):
    """Several in a row, each hearing what those before it left over."""

    def __init__(self, *, dim: int, codebooks: int, vocab: int, code_dim: int) -> None:
        super().__init__()
        self.codebooks, self.vocab = codebooks, vocab
        self._quantizers = tuple(ProjectedQuantizer(dim=dim, vocab=vocab, code_dim=code_dim) for _ in range(codebooks))
        self.layers = nn.ModuleList(self._quantizers)

    def forward(
        self, latents: Float[Tensor, "batch dim frame"], *, depths: Int64[Tensor, " batch"] | None = None
    ) -> Quantized:
        """Quantise; losses are means over items, summed over the codebooks that took part.

        Args:
            latents: in any precision.
            depths: of each item, how many codebooks take part (quantiser dropout); None: all of them.
        """
        with autocast(latents.device.type, enabled=False):
            residual, total = latents.float(), torch.zeros_like(latents, dtype=torch.float32)
            codes: list[Tensor] = []
            losses: list[Tensor] = []
            codebook_losses: list[Tensor] = []
            for place, quantizer in enumerate(self._quantizers):
                step = quantizer.look(residual)
                takes_part = torch.ones_like(latents[:, 0, 0]) if depths is None else (depths > place).to(residual)
                total = total + step.vectors * takes_part[:, None, None]
                residual = residual - step.vectors
                codes.append(step.codes)
                losses.append((takes_part * step.commitment).mean())
                codebook_losses.append((takes_part * step.distance).mean())
            return Quantized(
                total, torch.stack(codes, dim=1), torch.stack(losses).sum(), torch.stack(codebook_losses).sum()
            )

    def encode(
        self, latents: Float[Tensor, "batch dim frame"], *, depth: int | None = None
    ) -> Int64[Tensor, "batch codebook frame"]:
        """Codes of the first `depth` codebooks (None: all), the coarsest first."""
        codes: list[Tensor] = []
        for quantizer in self._quantizers[:depth]:
            codes.append(quantizer.encode(latents))
            latents = latents - quantizer.decode(codes[-1])
        return torch.cat(codes, dim=1)

    def decode(self, codes: Int64[Tensor, "batch codebook frame"]) -> Float[Tensor, "batch dim frame"]:
        """The sum of the projected codes, of the first codebooks if there are codes of fewer than all."""
        rows = zip(self._quantizers, codes.split(1, dim=1), strict=False)
        return torch.stack([quantizer.decode(row) for quantizer, row in rows]).sum(dim=0)

    @torch.no_grad()
    def start(self, latents: Float[Tensor, "batch dim frame"], *, generator: torch.Generator) -> None:
        """Place the codes of each codebook by k-means on what the ones before it leave over.

        Args:
            latents: the same in all processes.
            generator: of the CPU, where the clusters are found.
        """
        for quantizer, points in self._left_over(latents):
            quantizer.codebook.weight.copy_(kmeans(points.cpu(), centres=self.vocab, generator=generator))

    @torch.no_grad()
    def restart(self, latents: Float[Tensor, "batch dim frame"], idle: Bool[Tensor, "codebook vocab"]) -> None:
        """Move idle codes to random latents, as they are left over for their codebook."""
        for place, (quantizer, points) in enumerate(self._left_over(latents)):
            count = int(idle[place].sum())
            quantizer.codebook.weight[idle[place]] = spare_latents(points, count)

    def _left_over(self, latents: Tensor) -> Iterator[tuple[ProjectedQuantizer, Tensor]]:
        """Each codebook and what it is to look at, in its own few dimensions, one row a frame."""
        residual = latents.float()
        for quantizer in self._quantizers:
            yield quantizer, as_points(quantizer.inwards(residual))
            residual = residual - quantizer.decode(quantizer.encode(residual))
