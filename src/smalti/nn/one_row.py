"""One row of each history through a transformer with a ring cache, in as few calls as it takes.

A sound is made of such steps. Of a small model a step of the layers as they train is half spent on going from call to
call, so here the same is written in half as many: norms meet the gain of their condition, keys and values are kept by
one call, and what does not change from row to row is laid out once.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from smalti.nn.few_rows import FewRows, UnitRows
from smalti.nn.modulation import BranchModulation
from smalti.nn.ring import Parts, RingCache
from smalti.nn.rope import RowTurns, turn_in_place


@dataclass(frozen=True, slots=True)
class BranchWeights:
    """Of one residual branch: its norm's scale, where no condition says another, and what leads in and out."""

    scale: Float[Tensor, " dim"]
    project_in: Float[Tensor, "inner dim"]
    project_out: Float[Tensor, "dim outer"]


@dataclass(frozen=True, slots=True)
class _Told:
    """What a condition does to a branch, for each row or for all."""

    gain: Tensor
    shift: Tensor | None
    gate: Tensor | None


class _Branch:
    def __init__(self, weights: BranchWeights, rows: int) -> None:
        self.scale = weights.scale
        self.lead_in = FewRows(weights.project_in, rows=rows)
        self.lead_out = FewRows(weights.project_out, rows=rows)

    def told(self, part: BranchModulation | None) -> _Told:
        if part is None:
            return _Told(self.scale, None, None)
        return _Told(part.gain[:, 0], part.shift[:, 0], None if part.gate is None else part.gate[:, 0])


class OneRow:
    """Reads one more row of each history."""

    def __init__(
        self,
        layers: Sequence[tuple[BranchWeights, BranchWeights]],
        norm: Float[Tensor, " dim"],
        cache: RingCache,
        *,
        heads: int,
        stride: int,
    ) -> None:
        """Lay out the weights, which are not to change while the histories last.

        Args:
            layers: attention and feed-forward branch of each.
            norm: scale of the last norm.
            cache: of the histories.
            heads: of attention.
            stride: rows of a frame, for positions of two parts.
        """
        batch, width = len(cache.offsets), len(norm)
        self._layers = [(_Branch(first, batch), _Branch(second, batch)) for first, second in layers]
        self._norm, self._cache, self._heads, self._head_dim = norm, cache, heads, width // heads
        self._turns = RowTurns(head_dim=self._head_dim, stride=stride, device=norm.device)
        self._sharp = self._head_dim**-0.5
        self._unit = UnitRows(norm)
        self._last: tuple[Sequence[Parts], list[tuple[_Told, _Told]]] | None = None

    def __call__(self, rows: Float[Tensor, "batch dim"], parts: Sequence[Parts]) -> Float[Tensor, "batch dim"]:
        """What is heard behind the row of each history; `parts` is what the condition does to each layer."""
        cache, batch = self._cache, len(rows)
        span, turn = cache.row_span(), self._turns.at(cache.offsets)
        for at, ((mixing, thinking), (first, second)) in enumerate(zip(self._layers, self._told(parts), strict=True)):
            split = mixing.lead_in(self._before(rows, first)).view(batch, 3, self._heads, 2, -1)
            turn_in_place(split[:, :2], turn)
            keys, values = cache.extend_row(at, span, split[:, 1:].reshape(-1, self._head_dim))
            scores = torch.baddbmm(span.hidden, split[:, 0].reshape(-1, 1, self._head_dim), keys, alpha=self._sharp)
            heard = torch.bmm(scores.softmax(-1), values).view(batch, -1)
            rows = _onto(rows, mixing.lead_out(heard), first)
            gate, value = thinking.lead_in(self._before(rows, second)).chunk(2, dim=-1)
            rows = _onto(rows, thinking.lead_out(functional.silu(gate).mul_(value)), second)
        cache.advance(1)
        return self._unit(rows).mul_(self._norm)

    def _told(self, parts: Sequence[Parts]) -> list[tuple[_Told, _Told]]:
        if self._last is None or self._last[0] is not parts:
            told = [
                (first.told(mixing), second.told(thinking))
                for (first, second), (mixing, thinking) in zip(self._layers, parts, strict=True)
            ]
            self._last = parts, told
        return self._last[1]

    def _before(self, rows: Tensor, told: _Told) -> Tensor:
        """What enters a branch."""
        unit = self._unit(rows)
        return unit.mul_(told.gain) if told.shift is None else torch.addcmul(told.shift, unit, told.gain)


def _onto(rows: Tensor, branch: Tensor, told: _Told) -> Tensor:
    """What leaves a branch, added to the rows that it came from."""
    return rows + branch if told.gate is None else torch.addcmul(rows, branch, told.gate)
