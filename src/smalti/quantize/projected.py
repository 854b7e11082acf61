"""Residual codebooks of few dimensions: each looks at what is left over through a narrow projection.

Source: Kumar et al. 2023 (DAC, arXiv:2306.06546), section 3.2: factorised, length-normalised codes, learnt by gradient.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int64
from torch import Tensor, autocast, nn
from torch.nn import functional
from torch.nn.utils import parametrize

from smalti.quantize.in_row import decode_in_row, encode_in_row
from smalti.quantize.interface import Quantized
from smalti.quantize.kmeans import kmeans
from smalti.quantize.vector import as_points


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

    @torch.no_grad()
    def start(self, latents: Float[Tensor, "batch dim frame"], *, generator: torch.Generator) -> None:
        """Look where the latents differ most, their first principal components, and place the codes there.

        A cluster is of directions, as codes are chosen by them; its code is the mean of what is in it.

        Args:
            latents: to be placed among.
            generator: of the CPU.
        """
        rows = as_points(latents).double().cpu()
        mean = rows.mean(dim=0)
        components = torch.linalg.eigh((rows - mean).mT @ (rows - mean)).eigenvectors[:, -self.inwards.out_channels :]
        _become(self.inwards, components.mT, -components.mT @ mean)
        _become(self.outwards, components, mean)
        points = ((rows - mean) @ components).float()
        directions = functional.normalize(points, dim=1)
        centres = kmeans(directions, centres=self.codebook.num_embeddings, generator=generator)
        nearest = (directions @ functional.normalize(centres, dim=1).mT).argmax(dim=1)
        sums = torch.zeros_like(centres).index_add_(0, nearest, points)
        counts = nearest.bincount(minlength=len(centres))[:, None]
        self.codebook.weight.copy_(torch.where(counts > 0, sums / counts.clamp(min=1), centres))

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
        return encode_in_row(self._quantizers[:depth], latents)

    def decode(self, codes: Int64[Tensor, "batch codebook frame"]) -> Float[Tensor, "batch dim frame"]:
        """The sum of the projected codes, of the first codebooks if there are codes of fewer than all."""
        return decode_in_row(self._quantizers, codes)

    @torch.no_grad()
    def start(self, latents: Float[Tensor, "batch dim frame"], *, generator: torch.Generator) -> None:
        """Place each codebook among what the ones before it leave over; see `ProjectedQuantizer.start`.

        Args:
            latents: the same in all processes.
            generator: of the CPU, where the clusters are found.
        """
        residual = latents.float()
        for quantizer in self._quantizers:
            quantizer.start(residual, generator=generator)
            residual = residual - quantizer.decode(quantizer.encode(residual))

    @property
    def books(self) -> list[Tensor]:
        """Code vectors of each codebook."""
        return [quantizer.codebook.weight for quantizer in self._quantizers]

    @torch.no_grad()
    def looks(self, latents: Float[Tensor, "batch dim frame"]) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        """Of each codebook: its code vectors, what it is to stand for in its own few dimensions, and the codes of that.

        Code vectors that are changed between two of them count from the next on only.
        """
        residual = latents.float()
        for quantizer in self._quantizers:
            codes = quantizer.encode(residual)
            found = quantizer.decode(codes)
            yield quantizer.codebook.weight, as_points(quantizer.inwards(residual)), codes.flatten()
            residual = residual - found


def _become(layer: nn.Conv1d, matrix: Float[Tensor, "out into"], bias: Float[Tensor, " out"]) -> None:
    """Take over weights, whether they are normed or plain."""
    weight = matrix[:, :, None].to(layer.weight).contiguous()
    if parametrize.is_parametrized(layer):
        layer.weight = weight  # pyright: ignore[reportAttributeAccessIssue]
    else:
        layer.weight.copy_(weight)
    assert layer.bias is not None
    layer.bias.copy_(bias)
