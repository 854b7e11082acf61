"""Codes that are directions: latents in few dimensions at length one, so that no code is far from all latents."""

from jaxtyping import Float, Int64
from torch import Tensor, autocast, nn

from smalti.quantize.interface import Quantized
from smalti.quantize.vector import VectorQuantizer


class CosineQuantizer(nn.Module):
    """The code vector of the smallest angle, after a learnt projection to `directions` dimensions and before one back.

    Source: Yu et al. 2022 (ViT-VQGAN), section 3.2. Differs: moving averages, k-means start and restarts.
    """

    codebooks = 1

    def __init__(self, *, dim: int, vocab: int, directions: int = 16, decay: float = 0.97) -> None:
        super().__init__()
        self.vocab = vocab
        self.inwards = nn.Conv1d(dim, directions, 1)
        self.codebook = VectorQuantizer(dim=directions, vocab=vocab, decay=decay, unit=True)
        self.outwards = nn.Conv1d(directions, dim, 1)

    def start(self, latents: Float[Tensor, "batch dim frame"]) -> None:
        """Place the code vectors by k-means on the directions."""
        self.codebook.start(self._directions(latents))

    def forward(self, latents: Float[Tensor, "batch dim frame"], *, restart_below: float = 0.0) -> Quantized:
        """Quantise, learning as `VectorQuantizer` does; the loss is the mean of 2 - 2 cos over the latents."""
        with autocast(latents.device.type, enabled=False):
            found = self.codebook(self._directions(latents), restart_below=restart_below)
            loss = found.loss * self.inwards.out_channels
            return Quantized(self.outwards(found.vectors), found.codes, loss)

    def encode(self, latents: Float[Tensor, "batch dim frame"]) -> Int64[Tensor, "batch codebook frame"]:
        """Index of the code vector of the smallest angle."""
        return self.codebook.encode(self._directions(latents))

    def decode(self, codes: Int64[Tensor, "batch codebook frame"]) -> Float[Tensor, "batch dim frame"]:
        """The code vectors, projected back."""
        return self.outwards(self.codebook.decode(codes))

    def _directions(self, latents: Tensor) -> Tensor:
        return nn.functional.normalize(self.inwards(latents.float()), dim=1)
