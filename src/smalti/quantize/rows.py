"""Rows of a picture that share one codebook: the token grid of an image codec as parallel code streams."""

from jaxtyping import Float, Int64
from torch import Tensor, nn

from smalti.quantize.interface import Quantized
from smalti.quantize.vector import VectorQuantizer


class RowQuantizer(nn.Module):
    """Quantises each of `rows` equal parts of a latent with the same code vectors.

    A latent of rows·dim numbers is `rows` vectors, the first row first:
    [r0d0 r0d1 … r1d0 r1d1 …] gives codes [r0, r1, …].
    """

    def __init__(self, *, dim: int, rows: int, vocab: int, decay: float = 0.97) -> None:
        super().__init__()
        self.codebooks = rows
        self.vocab = vocab
        self.shared = VectorQuantizer(dim=dim, vocab=vocab, decay=decay)

    def start(self, latents: Float[Tensor, "batch dim frame"]) -> None:
        """Place the shared code vectors by k-means on all rows."""
        self.shared.start(self._split(latents))

    def forward(self, latents: Float[Tensor, "batch dim frame"], *, restart_below: float = 0.0) -> Quantized:
        """Quantise, learning as `VectorQuantizer.forward` does."""
        step = self.shared(self._split(latents), restart_below=restart_below)
        return Quantized(self._join(step.vectors), self._rows(step.codes), step.loss)

    def encode(self, latents: Float[Tensor, "batch dim frame"]) -> Int64[Tensor, "batch codebook frame"]:
        """One code a row."""
        return self._rows(self.shared.encode(self._split(latents)))

    def decode(self, codes: Int64[Tensor, "batch codebook frame"]) -> Float[Tensor, "batch dim frame"]:
        """The code vectors of all rows, one after another in a latent."""
        return self._join(self.shared.decode(codes.flatten(1)[:, None]))

    def _split(self, latents: Tensor) -> Tensor:
        """[batch, row·dim, frame] to [batch, dim, row·frame]."""
        return latents.unflatten(1, (self.codebooks, -1)).transpose(1, 2).flatten(2)

    def _join(self, latents: Tensor) -> Tensor:
        """[batch, dim, row·frame] to [batch, row·dim, frame]."""
        return latents.unflatten(2, (self.codebooks, -1)).transpose(1, 2).flatten(1, 2)

    def _rows(self, codes: Tensor) -> Tensor:
        """[batch, 1, row·frame] to [batch, row, frame]."""
        return codes.unflatten(2, (self.codebooks, -1))[:, 0]
