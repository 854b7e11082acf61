"""The ring cache: keys and values of the last W positions of every row, in memory that never grows.

Position p lies in slot p mod W and is overwritten by p + W, the first position that no longer sees it. Each row has
its own offset, so rows of a batch may start again while others go on. With W = 4 and 6 positions written:

    slot        0 1 2 3
    position    4 5 2 3        the next position, 6, replaces 2
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from smalti.nn.modulation import BranchModulation


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


class RingCache:
    """Keys (already turned by their positions) and values of a stack of banded attention layers.

    Attributes:
        window: W.
        offsets: positions written, of each row.
        told: the last condition, and what it does to the layers: of large models it is a tenth of a step.
    """

    def __init__(self, *, layers: int, batch: int, heads: int, window: int, head_dim: int, device: torch.device):
        self.window = window
        self.told: tuple[Tensor, list[tuple[BranchModulation, BranchModulation]]] | None = None
        self.offsets = torch.zeros(batch, dtype=torch.int64, device=device)
        shape = (layers, batch, heads, window, head_dim)
        self._keys, self._values = torch.zeros(shape, device=device), torch.zeros(shape, device=device)
        self._rows = torch.arange(batch, device=device)[:, None]
        self._slots = torch.arange(window, device=device)

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
        kept, new, count = (self._keys[layer], self._values[layer]), (keys, values), keys.shape[2]
        seen = kept
        if count > self.window:
            order = (self.offsets[:, None] + self._slots) % self.window  # oldest first, as the band wants them
            past = [each[self._rows, :, order].transpose(1, 2) for each in kept]
            seen = (torch.cat([past[0], keys], dim=2), torch.cat([past[1], values], dim=2))
        elif count > 1:
            # one alone replaces only what it no longer sees; of several, the first would miss what the last replaces
            seen = (torch.cat([kept[0], keys], dim=2), torch.cat([kept[1], values], dim=2))
        slots = span.positions[:, -self.window :] % self.window
        for each, more in zip(kept, new, strict=True):
            each[self._rows, :, slots] = more[:, :, -self.window :].transpose(1, 2)
        return seen

    def advance(self, count: int) -> None:
        """Move on, once every layer has been extended."""
        self.offsets += count

    def reset(self, rows: Int64[Tensor, " chosen"]) -> None:
        """Forget the history of these rows; the others go on."""
        self.offsets[rows] = 0
