"""The autoregressive loss over codebooks: what later ones say is to be guessed from what the earlier ones said.

Codes whose depth can be foreseen are easier for a language model. The net is thrown away with the run.
"""

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor, nn

from smalti.config import Settings
from smalti.nn.transformer import Transformer, TransformerSettings


class DepthConfig(Settings):
    """A small causal transformer along the codebooks of one query."""

    width: int = Field(default=128, gt=0)
    layers: int = Field(default=6, gt=0)
    heads: int = Field(default=4, gt=0)
    dropout: float = Field(default=0.1, ge=0, lt=1)


class DepthGPT(nn.Module):
    """Guesses the code vectors of codebooks 2…Q from those of 1…Q-1, each of length one.

    Source: Yang et al. 2025 (ALMTokenizer), the AR loss, in the form of the authors' later code. Differs: rotary
    positions beside the learnt ones, and SwiGLU, as everywhere in this house.
    """

    def __init__(self, config: DepthConfig, *, dim: int, codebooks: int) -> None:
        """Lay it out for code vectors of `dim` numbers in `codebooks` codebooks."""
        super().__init__()
        self.project_in = nn.Linear(dim, config.width)
        self.places = nn.Parameter(0.02 * torch.randn(max(codebooks - 1, 1), config.width))
        self.transformer = Transformer(
            TransformerSettings(
                width=config.width,
                layers=config.layers,
                heads=config.heads,
                window=max(codebooks - 1, 1),
                dropout=config.dropout,
            )
        )
        self.project_out = nn.Linear(config.width, dim)

    def forward(self, parts: Float[Tensor, "codebook batch dim query"]) -> Float[Tensor, ""]:
        """Mean squared error of the guesses; 0 for a single codebook.

        Args:
            parts: the code vectors that were chosen, as of `Quantized.parts`. The error pulls at those it is told
                (straight through, at the latents), never at those it is to guess.
        """
        rows = nn.functional.normalize(parts.float(), dim=2).permute(1, 3, 0, 2).flatten(0, 1)
        told, wanted = rows[:, :-1], rows[:, 1:].detach()
        if not told.shape[1]:
            return parts.new_zeros(())
        inner = self.project_in(told) + self.places[: told.shape[1]]
        guess = self.project_out(self.transformer(inner))
        return (guess.float() - wanted).square().mean()
