"""The history of banded attention as plain tensors in and out, for steps of one size that are exported.

`smalti.nn.ring` is quicker, but writes in place and counts positions without end. Here the last W rows lie in order,
and new rows always stand at the positions W, W + 1, …: those kept are turned back by as many as come. That changes
nothing, as a score depends on how far apart two rows stand and never on where (`smalti.nn.rope`).

    kept 0 1 2 3 | new 4 5    ->    kept 2 3 4 5, which stand at 0 1 2 3 when the next rows come
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from smalti.nn.ring import Span
from smalti.nn.rope import rotate, rotation


@dataclass(frozen=True, slots=True)
class History:
    """What is kept between steps; all zeros is the beginning.

    Attributes:
        keys, values: of the last W rows in each layer, the newest last.
        present: 1 where there was such a row, else 0.
    """

    keys: Float[Tensor, "layer batch head row dim"]
    values: Float[Tensor, "layer batch head row dim"]
    present: Float[Tensor, "batch row"]


class SlidingCache:
    """One step's view of a history, in place of a `RingCache`; positions have one part only (stride 1)."""

    def __init__(self, history: History) -> None:
        self._history, self._window = history, history.keys.shape[3]
        self._keys: list[Tensor] = []
        self._values: list[Tensor] = []
        self._present = history.present

    def span(self, count: int) -> Span:
        """The next `count` rows."""
        device, present = self._history.keys.device, self._history.present
        positions = self._window + torch.arange(count, device=device)
        distances = positions[:, None] - torch.arange(self._window + count, device=device)
        there = torch.cat([present > 0.5, torch.ones(len(present), count, dtype=torch.bool, device=device)], dim=1)
        visible = ((distances >= 0) & (distances < self._window))[None] & there[:, None]
        return Span(positions[None], visible[:, None])

    def extend(
        self,
        layer: int,
        span: Span,
        keys: Float[Tensor, "batch head row dim"],
        values: Float[Tensor, "batch head row dim"],
    ) -> tuple[Float[Tensor, "batch head key dim"], Float[Tensor, "batch head key dim"]]:
        """Remember new keys and values of one layer; gives all that `span.visible` speaks of."""
        count, kept = keys.shape[2], self._history.keys[layer]
        back = rotation(torch.full((1, 1), -count, device=keys.device), head_dim=keys.shape[3])
        keys = torch.cat([rotate(kept, back), keys], dim=2)
        values = torch.cat([self._history.values[layer], values], dim=2)
        self._keys.append(keys[:, :, count:])
        self._values.append(values[:, :, count:])
        return keys, values

    def advance(self, count: int) -> None:
        """Move on, once every layer has been extended."""
        there = self._present.new_ones(len(self._present), count)
        self._present = torch.cat([self._present, there], dim=1)[:, count:]

    def history(self) -> History:
        """What the next step needs."""
        return History(torch.stack(self._keys), torch.stack(self._values), self._present)
