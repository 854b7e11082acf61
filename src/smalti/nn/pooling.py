"""Many rows become one vector: a learnt question asks all of them at once."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from smalti.nn.attention import attend


class AttentionPooling(nn.Module):
    """Attention with one learnt query per head: every row is heard, wherever it stands and however many there are."""

    def __init__(self, width: int, *, heads: int):
        super().__init__()
        self.heads = heads
        self.question = nn.Parameter(torch.randn(heads, 1, width // heads))
        self.project_in = nn.Linear(width, 2 * width, bias=False)
        self.project_out = nn.Linear(width, width, bias=False)

    def forward(
        self, rows: Float[Tensor, "batch row dim"], present: Bool[Tensor, "batch row"]
    ) -> Float[Tensor, "batch dim"]:
        """One vector of each item's present rows, at least one of which there must be."""
        batch, count, width = rows.shape
        split = self.project_in(rows).view(batch, count, 2, self.heads, width // self.heads)
        keys, values = split.permute(2, 0, 3, 1, 4)
        question = self.question.to(keys.dtype).expand(batch, -1, -1, -1)
        return self.project_out(attend(question, keys, values, present[:, None, None]).reshape(batch, width))
