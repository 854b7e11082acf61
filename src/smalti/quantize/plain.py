"""The codebook as it was first published, for comparison: parameters near zero, moved by gradients, left to die."""

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor, nn

from smalti.quantize.interface import Quantized
from smalti.quantize.kmeans import nearest_centre
from smalti.quantize.vector import as_points, spare_latents


class PlainQuantizer(nn.Module):
    """Nearest of `vocab` learnt vectors.

    Idle codes can be told to begin anew; whoever steps the optimiser then forgets its moments of `restarted` rows.

    Attributes:
        restarted: codes that the last training pass placed anew, or None.
    Source: van den Oord et al. 2017, eq. 3; SpecVQGAN's start, uniform in ±1/vocab.
    """

    codebooks = 1

    counts: Tensor

    def __init__(self, *, dim: int, vocab: int, decay: float = 0.97) -> None:
        super().__init__()
        self.vocab = vocab
        self.decay = decay
        self.vectors = nn.Parameter(torch.empty(vocab, dim).uniform_(-1 / vocab, 1 / vocab))
        self.register_buffer("counts", torch.ones(vocab))
        self.restarted: Bool[Tensor, " vocab"] | None = None

    def start(self, latents: Float[Tensor, "batch dim frame"]) -> None:
        """Nothing: the vectors stay where they began."""

    def forward(self, latents: Float[Tensor, "batch dim frame"], *, restart_below: float = 0.0) -> Quantized:
        """Quantise; the code vectors learn by the gradient of `codebook_loss`.

        Args:
            latents: in any precision; all arithmetic here is float32.
            restart_below: as of `VectorQuantizer`.
        """
        with torch.autocast(latents.device.type, enabled=False):
            latents = latents.float()
            codes = self.encode(latents)
            chosen = self.decode(codes)
            self.restarted = None
            if self.training:
                self._count(as_points(latents), codes.flatten(), restart_below)
            commitment = (latents - chosen.detach()).pow(2).mean()
            codebook = (latents.detach() - chosen).pow(2).mean()
            return Quantized(latents + (chosen - latents).detach(), codes, commitment, codebook)

    @torch.no_grad()
    def encode(self, latents: Float[Tensor, "batch dim frame"]) -> Int64[Tensor, "batch codebook frame"]:
        """Index of the nearest code vector."""
        return nearest_centre(as_points(latents), self.vectors).reshape(len(latents), 1, -1)

    def decode(self, codes: Int64[Tensor, "batch codebook frame"]) -> Float[Tensor, "batch dim frame"]:
        """The code vectors."""
        return self.vectors[codes[:, 0]].mT

    @torch.no_grad()
    def _count(self, points: Tensor, codes: Tensor, restart_below: float) -> None:
        # no number in all processes, if a latent of one is none: then, as by the optimiser, nothing is learnt
        counts = torch.bincount(codes, minlength=self.vocab).to(points) + 0 * points.sum()
        if torch.distributed.is_available() and torch.distributed.is_initialized():
            torch.distributed.all_reduce(counts)
        if not bool(torch.isfinite(counts).all()):
            return
        self.counts.lerp_(counts, 1 - self.decay)
        uniform = self.counts.sum() / self.vocab
        dead = self.counts < restart_below * uniform
        if dead.any():
            self.restarted = dead
            self.vectors[dead] = spare_latents(points, int(dead.sum()))
            self.counts[dead] = uniform
