"""A codebook that others have filled: centres of an encoder's frames, fixed, reached and left by linear maps."""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from smalti.core import Encoder, ParameterError
from smalti.quantize.interface import Quantized
from smalti.quantize.kmeans import nearest_centre
from smalti.quantize.tokenizer import KMeansTokenizer
from smalti.quantize.vector import as_points


@dataclass(frozen=True, slots=True)
class Prior:
    """What an encoder's frames are like.

    Attributes:
        centres: of clusters of its frames.
        encoder: fingerprint of the encoder.
        name: of the encoder, for people.
        sample_rate: Hz, that it hears.
        hop: samples of a frame.
    """

    centres: Float[Tensor, "centre dim"]
    encoder: str
    name: str
    sample_rate: int
    hop: int

    def tokenizer(self, encoder: Encoder) -> KMeansTokenizer:
        """The encoder's frames, named by these centres.

        Raises:
            ParameterError: if its frames are not as wide as the centres.
        """
        return KMeansTokenizer(encoder, self.centres, fingerprint=self.encoder)


class PriorQuantizer(nn.Module):
    """Nearest of centres that never change: a linear map takes latents into their space, another takes them back.

    The maps learn by gradient, as if the choice between them were none; latents are passed straight through. The loss
    draws latents and the first map to the centres.

    Source: arXiv:2504.10344 (fixed first codebook of k-means centres). Differs: where the maps begin, see `start`.
    """

    codebooks = 1

    vectors: Tensor

    def __init__(self, centres: Float[Tensor, "centre width"], *, dim: int) -> None:
        """Lay the maps out, unlearnt.

        Args:
            centres: the codebook.
            dim: numbers of a latent.
        Raises:
            ParameterError: if there are fewer than two centres.
        """
        super().__init__()
        if centres.ndim != 2 or len(centres) < 2:
            raise ParameterError(f"found centres of shape {list(centres.shape)}, wanted two rows or more; fit a prior")
        self.vocab, width = centres.shape
        self.register_buffer("vectors", centres.detach().clone().float())
        self.into = nn.Linear(dim, width)
        self.back = nn.Linear(width, dim)

    @torch.no_grad()
    def start(self, latents: Float[Tensor, "batch dim frame"]) -> None:
        """Lay the maps so that the widest directions of latents become those of the centres, as wide; once.

        Unlearnt maps would send all latents to one centre, which nothing then drives apart.
        """
        mine, theirs = _spread(as_points(latents.float())), _spread(self.vectors)
        kept = min(len(mine.sizes), len(theirs.sizes))
        here, there = mine.axes[:kept], theirs.axes[:kept]
        sizes, sizes_there = mine.sizes[:kept], theirs.sizes[:kept]
        into = (here.T / sizes) @ (there * sizes_there[:, None])
        back = (there.T / sizes_there) @ (here * sizes[:, None])
        self.into.weight.copy_(into.T)
        self.into.bias.copy_(theirs.middle - mine.middle @ into)
        self.back.weight.copy_(back.T)
        self.back.bias.copy_(mine.middle - theirs.middle @ back)

    def forward(self, latents: Float[Tensor, "batch dim frame"], *, restart_below: float = 0.0) -> Quantized:
        """Quantise; the loss is the mean squared distance to the centres, in units of latents.

        Args:
            latents: in any precision; all arithmetic here is float32.
            restart_below: for the interface; nothing begins anew.
        """
        with torch.autocast(latents.device.type, enabled=False):
            latents = latents.float()
            points = self.into(latents.mT)
            codes = self._nearest(points)
            chosen = self.vectors[codes[:, 0]]
            spread = latents.detach().var(dim=(0, 2), correction=0).mean() / self.vectors.var(dim=0).mean()
            loss = (points - chosen).pow(2).mean() * spread
            heard = self.into(latents.detach().mT)
            vectors = self.back(heard + (chosen - heard).detach()).mT
            return Quantized(vectors + latents - latents.detach(), codes, loss)

    def encode(self, latents: Float[Tensor, "batch dim frame"]) -> Int64[Tensor, "batch codebook frame"]:
        """Index of the nearest centre."""
        return self._nearest(self.into(latents.mT))

    def decode(self, codes: Int64[Tensor, "batch codebook frame"]) -> Float[Tensor, "batch dim frame"]:
        """The centres, as latents."""
        return self.back(self.vectors[codes[:, 0]]).mT

    def _nearest(self, points: Float[Tensor, "batch frame width"]) -> Int64[Tensor, "batch codebook frame"]:
        return nearest_centre(points.detach().flatten(0, 1), self.vectors).reshape(len(points), 1, -1)


@dataclass(frozen=True, slots=True)
class _Spread:
    """Mean of points, and their axes (unit rows) from the widest to the narrowest with the deviation along each."""

    middle: Tensor
    axes: Tensor
    sizes: Tensor


def _spread(points: Float[Tensor, "point dim"]) -> _Spread:
    middle = points.mean(dim=0)
    centred = (points - middle).double()
    values, axes = torch.linalg.eigh(centred.T @ centred / len(points))
    sizes = values.flip(0).clamp(min=0).sqrt()
    # what hardly moves is noise: taken for more than it is, so that no map makes it a thousand times larger
    sizes = sizes.clamp(min=float(1e-3 * sizes[0]) or 1.0)
    return _Spread(middle, axes.flip(1).T.float(), sizes.float())
