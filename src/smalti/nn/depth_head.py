"""The depth head: the codes of one frame, one after the other, each guessed from what was heard and the codes below it.

A frame costs one row of the large transformer and Q short steps of this small one, so that a code depends on those
below it without the Q - 1 rows that `delay` waits or the Q times as many rows that `flat` reads:

    heard h   h + a   h + b        in, for the codes a b c of a frame of Q = 3
        |       |       |
        a       b       c          guessed

Source: the depth transformer of arXiv:2410.00037, section 3.4.1. Differs: it is the house's transformer, with rotary
positions, and its codes are told apart by their tables.
"""

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from smalti.core import ParameterError, TokenSpec
from smalti.nn.transformer import Transformer, TransformerSettings


class DepthHead(nn.Module):
    """Guesses the Q codes of each frame from its vector, in their order."""

    offsets: Tensor

    def __init__(self, spec: TokenSpec, *, width: int, transformer: TransformerSettings):
        """Lay it out for vectors of `width` numbers.

        Raises:
            ParameterError: if the window is shorter than a frame's codes.
        """
        super().__init__()
        if transformer.window < spec.codebooks:
            found = f"a depth head of window {transformer.window}"
            raise ParameterError(f"found {found}, wanted at least {spec.codebooks}, the codes of a frame")
        self.project_in = nn.Linear(width, transformer.width)
        tables = max(spec.codebooks - 1, 1)
        self.codes = nn.Embedding(tables * (spec.vocab + 1), transformer.width)
        nn.init.normal_(self.codes.weight, std=0.02)
        self.transformer = Transformer(transformer)
        self.heads = nn.ModuleList(nn.Linear(transformer.width, spec.vocab) for _ in range(spec.codebooks))
        self.register_buffer("offsets", torch.arange(tables) * (spec.vocab + 1), persistent=False)

    def forward(
        self, heard: Float[Tensor, "batch frame dim"], below: Int64[Tensor, "batch below frame"]
    ) -> Float[Tensor, "batch codebook frame vocab"]:
        """Logits of all codes of frames whose codes are known, all but the last."""
        vectors = self._deep(heard.flatten(0, 1), below.transpose(1, 2).flatten(0, 1))
        guesses = torch.stack([head(vectors[:, q]) for q, head in enumerate(self.heads)], dim=1)
        return guesses.unflatten(0, heard.shape[:2]).transpose(1, 2)

    def one(
        self, heard: Float[Tensor, "batch dim"], below: Int64[Tensor, "batch below"]
    ) -> Float[Tensor, "batch vocab"]:
        """Logits of the code above these."""
        return self.heads[below.shape[1]](self._deep(heard, below)[:, -1])

    def _deep(self, heard: Tensor, below: Tensor) -> Tensor:
        first = self.project_in(heard)[:, None]
        told = self.codes(below + self.offsets[: below.shape[1]])
        return self.transformer(torch.cat([first, first + told], dim=1))
