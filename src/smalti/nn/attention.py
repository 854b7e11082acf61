"""Banded causal attention: query i sees exactly the keys i - W < j ≤ i, in training and in inference alike.

For W = 3 (rows are queries, # is seen):

    #
    # #
    # # #
      # # #
        # # #

L layers reach back L · (W - 1) + 1 rows. Long sequences are cut into blocks of W queries, each beside the 2 W keys that
its band can touch, so that time and memory are O(T · W).
"""

from collections.abc import Callable

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional

from smalti.nn.rope import Rotation, rotate

Remember = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]


class BandedAttention(nn.Module):
    """Multi-head attention over a band, with rotary positions per head."""

    def __init__(self, width: int, *, heads: int, window: int):
        super().__init__()
        self.heads, self.window = heads, window
        self.project_in = nn.Linear(width, 3 * width, bias=False)
        self.project_out = nn.Linear(width, width, bias=False)

    def forward(
        self,
        rows: Float[Tensor, "batch row dim"],
        turn: Rotation,
        remember: Remember | None = None,
        visible: Bool[Tensor, "batch 1 #row key"] | Bool[Tensor, "batch past"] | None = None,
    ) -> Float[Tensor, "batch row dim"]:
        """Mix each row with those it sees.

        Args:
            rows: all rows from the first; or with `remember`, the next ones.
            turn: of the rows' positions.
            remember: keeps new keys and values, gives back all that `visible` marks as seen or not.
            visible: which keys each row sees, in place of the band; or which of the past are there, within it.
        """
        batch, count, width = rows.shape
        split = self.project_in(rows).view(batch, count, 3, self.heads, width // self.heads)
        split = split.permute(2, 0, 3, 1, 4)
        (queries, keys), values = rotate(split[:2], turn), split[2]
        if remember is not None:
            keys, values = remember(keys, values)
        if visible is None or visible.dim() == 2:
            mixed = banded_attention(queries, keys, values, window=self.window, past=visible)
        else:
            mixed = attend(queries, keys, values, visible)
        return self.project_out(mixed.transpose(1, 2).reshape(batch, count, width))


def banded_attention(
    queries: Float[Tensor, "batch head row dim"],
    keys: Float[Tensor, "batch head key dim"],
    values: Float[Tensor, "batch head key dim"],
    *,
    window: int,
    past: Bool[Tensor, "batch past"] | None = None,
) -> Float[Tensor, "batch head row dim"]:
    """Attention in which query i sees keys i - window < j ≤ i; blocked where that is cheaper.

    With `past` there are `window` keys more, before the first query's own; it says which of them are there.
    """
    count = queries.shape[2]
    if past is None and count <= 2 * window:
        return attend(queries, keys, values, band(count, window, queries.device))
    blocks = -(-count // window)
    bands = _block_bands(blocks, window, queries.device)
    if past is None:
        keys, values = (functional.pad(each, (0, 0, window, 0)) for each in (keys, values))
        bands[0, :, :window] = False
    else:
        bands = bands.repeat(len(past), 1, 1, 1, 1)
        bands[:, 0, 0, :, :window] &= past[:, None]
    queries = functional.pad(queries, (0, 0, 0, blocks * window - count)).unflatten(2, (blocks, window))
    near_keys, near_values = (_neighbourhoods(each, blocks, window) for each in (keys, values))
    mixed = attend(queries, near_keys, near_values, bands)
    return mixed.flatten(2, 3)[:, :, :count]


def band(count: int, window: int, device: torch.device) -> Bool[Tensor, "query key"]:
    """Which of `count` keys each of as many queries sees."""
    seen = torch.ones(count, count, dtype=torch.bool, device=device)
    return seen.tril().triu(1 - window)


def attend(
    queries: Float[Tensor, "*batch query dim"],
    keys: Float[Tensor, "*batch key dim"],
    values: Float[Tensor, "*batch key dim"],
    visible: Bool[Tensor, "*#batch #query key"] | None,
) -> Float[Tensor, "*batch query dim"]:
    """softmax(Q Kᵀ / √d) V over what is visible.

    Under bf16 autocast on a CPU the fused kernel's backward is 4-5 times slower than these four plain lines (batch 16,
    6 heads of 32, 67 rows, one thread: 20 ms against 3.8 ms), so there they are used, and the fused one elsewhere.
    """
    if queries.device.type != "cpu" or not torch.is_autocast_enabled("cpu"):
        return functional.scaled_dot_product_attention(queries, keys, values, attn_mask=visible)
    scores = (queries @ keys.transpose(-1, -2)).float() * queries.shape[-1] ** -0.5
    if visible is not None:
        scores = scores.masked_fill(~visible, float("-inf"))
    return scores.softmax(-1).to(values.dtype) @ values


def _neighbourhoods(each: Tensor, blocks: int, window: int) -> Tensor:
    """Keys of each block of queries: its own and those of the block before."""
    padded = functional.pad(each, (0, 0, 0, (blocks + 1) * window - each.shape[2]))
    return padded.unfold(2, 2 * window, window).transpose(-1, -2)


def _block_bands(blocks: int, window: int, device: torch.device) -> Tensor:
    query = torch.arange(window, device=device)[:, None]
    key = torch.arange(2 * window, device=device)
    return ((key > query) & (key <= query + window)).repeat(blocks, 1, 1)
