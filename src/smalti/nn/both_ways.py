"""Recurrent layers that hear a sequence from both ends, each item up to its own end.

Packed sequences are ten times slower on a CPU than padded ones. So rows stay padded, and for the way back each item is
turned around within its own length: what lies behind it is then behind it both ways, and changes nothing.
"""

from typing import Literal

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

RecurrentKind = Literal["gru", "lstm"]


class BothWays(nn.Module):
    """Layers of two recurrent networks each; a layer's output is that of both side by side."""

    def __init__(self, kind: RecurrentKind, width: int, *, layers: int, dropout: float = 0.0) -> None:
        """Nothing is heard yet.

        Args:
            kind: of the networks.
            width: of the input, and of the output of each way.
            layers: how many.
            dropout: share of the inputs of every layer but the first that is dropped in training.
        """
        super().__init__()
        make = nn.GRU if kind == "gru" else nn.LSTM
        widths = [width, *[2 * width] * (layers - 1)]
        self.ahead = nn.ModuleList(make(one, width, batch_first=True) for one in widths)
        self.back = nn.ModuleList(make(one, width, batch_first=True) for one in widths)
        self.drop = nn.Dropout(dropout)

    def forward(
        self, rows: Float[Tensor, "batch row dim"], lengths: Int64[Tensor, " batch"]
    ) -> Float[Tensor, "batch row both"]:
        """Twice `width` numbers for each row.

        Args:
            rows: vectors.
            lengths: rows of each item; the rest is padding, whose outputs mean nothing.
        """
        place = torch.arange(rows.shape[1], device=rows.device)
        turned = torch.where(place < lengths[:, None], lengths[:, None] - 1 - place, place)
        for layer, (ahead, back) in enumerate(zip(self.ahead, self.back, strict=True)):
            rows = self.drop(rows) if layer else rows
            rows = torch.cat([ahead(rows)[0], _turn(back(_turn(rows, turned))[0], turned)], dim=2)
        return rows


def _turn(rows: Tensor, order: Tensor) -> Tensor:
    return rows.gather(1, order[..., None].expand_as(rows))
