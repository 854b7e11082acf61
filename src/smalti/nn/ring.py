"""The ring cache: keys and values of the last W positions of every row, in memory that never grows.

Position p lies in slot p mod W and is overwritten by p + W, the first position that no longer sees it. Each row has
its own offset, so rows of a batch may start again while others go on. With W = 4 and 6 positions written:

    slot        0 1 2 3
    position    4 5 2 3        the next position, 6, replaces 2
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from smalti.nn.modulation import BranchModulation

Parts = tuple[BranchModulation | None, BranchModulation | None]


@dataclass(frozen=True, slots=True)
class Span:
    """The next rows of a batch: where they stand and what they may see.

    Attributes:
        positions: absolute, from the start of each row's own history.
        visible: what each of them sees: the W slots of the ring as they are now, then the new rows themselves; or of
            one new row, the ring with that row in it. Of more than W new rows: which of the W rows before the first
            of them are there; the band says the rest.
    """

    positions: Int64[Tensor, "batch row"]
    visible: Bool[Tensor, "batch 1 row key"] | Bool[Tensor, "batch past"]


@dataclass(frozen=True, slots=True)
class RowSpan:
    """The next row of each history, of `extend_row`.

    Attributes:
        places: where its keys and values go.
        hidden: what is added to scores: 0 for what it sees, itself included, -inf for slots that hold nothing yet.
    """

    places: Int64[Tensor, " batch_two_head"]
    hidden: Float[Tensor, "batch_head 1 window"]


class RingCache:
    """Keys (already turned by their positions) and values of a stack of banded attention layers.

    Attributes:
        window: W.
        offsets: positions written, of each row.
        told: the last condition, and what it does to the layers: of large models it is a tenth of a step.
        one_row: how the transformer reads one more row of each history, once it has done so.
    """

    def __init__(self, *, layers: int, batch: int, heads: int, window: int, head_dim: int, device: torch.device):
        self.window = window
        self.told: tuple[Tensor, Sequence[tuple[BranchModulation, BranchModulation]]] | None = None
        self.one_row: Callable[[Tensor, Sequence[Parts]], Tensor] | None = None
        self.offsets = torch.zeros(batch, dtype=torch.int64, device=device)
        self._kept = torch.zeros(layers, 2, batch, heads, window, head_dim, device=device)
        self._rows = torch.arange(batch, device=device)[:, None]
        self._slots = torch.arange(window, device=device)
        # first slot of each history, of keys and of values, and of each head, as `_kept` holds them in one line
        first = torch.arange(2 * batch * heads, device=device).view(2, batch, heads) * window
        self._first_slots = first.transpose(0, 1).contiguous()
        self._lines = [self._kept[layer].flatten(0, 3) for layer in range(layers)]
        self._of_heads = [
            (self._kept[layer, 0].flatten(0, 1).mT, self._kept[layer, 1].flatten(0, 1)) for layer in range(layers)
        ]

    def span(self, count: int) -> Span:
        """The next `count` rows."""
        positions = self.offsets[:, None] + torch.arange(count, device=self.offsets.device)
        if count > self.window:
            return Span(positions, self.offsets[:, None] - self.window + self._slots >= 0)
        if count == 1:
            return Span(positions, (self._slots <= positions)[:, None, None])  # all that was written, this row included
        last = self.offsets[:, None] - 1
        held = last - (last - self._slots) % self.window
        held = held.masked_fill(held < 0, -self.window)  # nothing written since the reset: out of every band
        keys = torch.cat([held, positions], dim=1)
        distances = positions[:, :, None] - keys[:, None]
        return Span(positions, ((distances >= 0) & (distances < self.window))[:, None])

    def extend(
        self,
        layer: int,
        span: Span,
        keys: Float[Tensor, "batch head row dim"],
        values: Float[Tensor, "batch head row dim"],
    ) -> tuple[Float[Tensor, "batch head key dim"], Float[Tensor, "batch head key dim"]]:
        """Remember new keys and values of one layer; gives all that `span.visible` speaks of."""
        kept, new, count = self._kept[layer], torch.stack([keys, values]), keys.shape[2]
        seen = kept
        if count > self.window:
            order = (self.offsets[:, None] + self._slots) % self.window  # oldest first, as the band wants them
            seen = torch.cat([kept[:, self._rows, :, order].permute(2, 0, 3, 1, 4), new], dim=3)
        elif count > 1:
            # one alone replaces only what it no longer sees; of several, the first would miss what the last replaces
            seen = torch.cat([kept, new], dim=3)
        slots = span.positions[:, -self.window :] % self.window
        kept[:, self._rows, :, slots] = new[:, :, :, -self.window :].permute(1, 3, 0, 2, 4)
        return seen[0], seen[1]

    def row_span(self) -> RowSpan:
        """The next row of each history."""
        batch, _, heads = self._first_slots.shape
        positions = self.offsets[:, None]
        hidden = torch.where(self._slots > positions, float("-inf"), 0.0)
        places = (self._first_slots + (positions % self.window)[:, :, None]).flatten()
        return RowSpan(places, hidden[:, None].expand(-1, heads, -1).reshape(batch * heads, 1, self.window))

    def extend_row(
        self, layer: int, span: RowSpan, new: Float[Tensor, "batch_two_head dim"]
    ) -> tuple[Float[Tensor, "batch_head dim window"], Float[Tensor, "batch_head window dim"]]:
        """Remember new keys and values of one layer; gives all that `span.hidden` speaks of, for each head alone.

        Args:
            new: of each history the keys of all heads, then the values.
        """
        self._lines[layer].index_copy_(0, span.places, new)
        return self._of_heads[layer]

    def advance(self, count: int) -> None:
        """Move on, once every layer has been extended."""
        self.offsets += count

    def reset(self, rows: Int64[Tensor, " chosen"]) -> None:
        """Forget the history of these rows; the others go on."""
        self.offsets[rows] = 0
