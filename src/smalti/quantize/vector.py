"""One codebook that follows the latents by moving averages, begins among them and revives what falls idle."""

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from smalti.quantize.interface import Quantized
from smalti.quantize.kmeans import kmeans, nearest_centre


class VectorQuantizer(nn.Module):
    """Nearest of `vocab` vectors; they are moving averages of the latents that chose them, not parameters.

    Everything is a buffer, so a saved and loaded quantiser goes on bit for bit. Random choices come from torch's
    global generator, which the training loop seeds at every step.

    Source: van den Oord et al. 2017, appendix A.1 (moving averages, Laplace smoothing of the counts).
    """

    codebooks = 1

    vectors: Tensor
    counts: Tensor
    sums: Tensor

    def __init__(
        self, *, dim: int, vocab: int, decay: float = 0.97, unit: bool = False, restarts: int | None = None
    ) -> None:
        """Lay the codebook out, unlearnt.

        Args:
            dim: numbers of a latent.
            vocab: code vectors.
            decay: of the moving averages, per step.
            unit: keep all code vectors at length one, for latents that are directions.
            restarts: most codes that begin anew in a step, the idlest first; None is all that are idle.
        """
        super().__init__()
        self.vocab = vocab
        self.decay = decay
        self.unit = unit
        self.restarts = restarts
        self.register_buffer("vectors", self._placed(torch.randn(vocab, dim) / dim**0.5))
        self.register_buffer("counts", torch.ones(vocab))
        self.register_buffer("sums", self.vectors.clone())

    @torch.no_grad()
    def start(self, latents: Float[Tensor, "batch dim frame"]) -> None:
        """Place the code vectors by k-means, each as if one latent a step had chosen it so far."""
        self.vectors.copy_(self._placed(kmeans(as_points(latents.float()), centres=self.vocab)))
        self.counts.fill_(1)
        self.sums.copy_(self.vectors)

    def forward(self, latents: Float[Tensor, "batch dim frame"], *, restart_below: float = 0.0) -> Quantized:
        """Quantise; in training mode move the code vectors towards the latents that chose them.

        Args:
            latents: in any precision; all arithmetic here is float32.
            restart_below: a code whose average usage is under this share of uniform usage becomes a random latent
                of this batch; 0 leaves all codes alone.
        """
        with torch.autocast(latents.device.type, enabled=False):
            latents = latents.float()
            codes = self.encode(latents)
            chosen = self.decode(codes)
            if self.training:
                self._learn(as_points(latents), codes.flatten(), restart_below)
            loss = (latents - chosen).pow(2).mean()
            return Quantized(latents + (chosen - latents).detach(), codes, loss)

    def encode(self, latents: Float[Tensor, "batch dim frame"]) -> Int64[Tensor, "batch codebook frame"]:
        """Index of the nearest code vector."""
        return nearest_centre(as_points(latents), self.vectors).reshape(len(latents), 1, -1)

    def decode(self, codes: Int64[Tensor, "batch codebook frame"]) -> Float[Tensor, "batch dim frame"]:
        """The code vectors."""
        return self.vectors[codes[:, 0]].mT

    @torch.no_grad()
    def _learn(self, points: Tensor, codes: Tensor, restart_below: float) -> None:
        counts = torch.bincount(codes, minlength=self.vocab).to(points)
        sums = torch.zeros_like(self.sums).index_add_(0, codes, points)
        if torch.distributed.is_available() and torch.distributed.is_initialized():
            torch.distributed.all_reduce(counts)
            torch.distributed.all_reduce(sums)
        if not bool(torch.isfinite(sums).all()):  # as the optimiser, it leaves out what is no number
            return
        self.counts.lerp_(counts, 1 - self.decay)
        self.sums.lerp_(sums, 1 - self.decay)
        uniform = self.counts.sum() / self.vocab
        dead = self._idle(restart_below * uniform)
        if dead.any():
            self._restart(dead, points, uniform)
        # smoothed, so that an idle code fades slowly into the average instead of dividing by nothing
        smoothed = (self.counts + 1e-5) / (self.counts.sum() + 1e-5 * self.vocab) * self.counts.sum()
        self.vectors.copy_(self._placed(self.sums / smoothed[:, None]))

    def _idle(self, least: Tensor) -> Tensor:
        idle = self.counts < least
        if self.restarts is None or int(idle.sum()) <= self.restarts:
            return idle
        idlest = self.counts.topk(self.restarts, largest=False).indices
        return torch.zeros_like(idle).index_fill_(0, idlest, True)

    def _placed(self, vectors: Tensor) -> Tensor:
        return nn.functional.normalize(vectors, dim=1) if self.unit else vectors

    def _restart(self, dead: Tensor, points: Tensor, uniform: Tensor) -> None:
        """Dead codes take random latents and uniform usage, so that they live until they had a fair chance."""
        self.counts[dead] = uniform
        self.sums[dead] = spare_latents(points, int(dead.sum())) * uniform


def as_points(latents: Float[Tensor, "batch dim frame"]) -> Float[Tensor, "point dim"]:
    """Every frame of every item as a row."""
    return latents.mT.reshape(-1, latents.shape[1])


def spare_latents(points: Float[Tensor, "point dim"], count: int) -> Float[Tensor, "count dim"]:
    """Random latents for codes that begin anew, the same in all processes."""
    chosen = points[torch.randint(len(points), (count,)).to(points.device)]
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        torch.distributed.broadcast(chosen, src=0)
    return chosen
