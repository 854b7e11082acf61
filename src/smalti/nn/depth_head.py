"""The depth head: the codes of one frame, one after the other, each guessed from what was heard and the codes below it.

A frame costs one row of the transformer and Q short steps of a recurrent cell, so that a code depends on those below it
without the Q - 1 rows that `delay` waits or the Q times as many rows that `flat` reads:

    heard h   h + a   h + b        in, for the codes a b c of a frame of Q = 3
        |   →   |   →   |          the cell's state
        a       b       c          guessed

Source: the depth transformer of arXiv:2410.00037, section 3.4.1. Differs: a gated recurrent unit (arXiv:1406.1078)
takes the place of its layers: a frame has few codes, and a step is a tenth of the calls.
"""

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn
from torch.nn import functional

from smalti.core import TokenSpec
from smalti.nn.few_rows import FewRows, UnitRows


class DepthHead(nn.Module):
    """Guesses the Q codes of each frame from its vector, in their order."""

    offsets: Tensor

    def __init__(self, spec: TokenSpec, *, heard: int, width: int, dropout: float = 0.0):
        """Lay it out.

        Args:
            spec: of the codes.
            heard: numbers of a frame's vector.
            width: of the cell.
            dropout: share of what leaves the cell that is dropped in training.
        """
        super().__init__()
        tables = max(spec.codebooks - 1, 1)
        self.project_in = nn.Linear(heard, width)
        self.codes = nn.Embedding(tables * (spec.vocab + 1), width)
        nn.init.normal_(self.codes.weight, std=0.02)
        self.cell = nn.GRUCell(width, width)
        self.drop = nn.Dropout(dropout)
        self.norm = nn.RMSNorm(width)
        self.heads = nn.ModuleList(nn.Linear(width, spec.vocab) for _ in range(spec.codebooks))
        self.register_buffer("offsets", torch.arange(tables) * (spec.vocab + 1), persistent=False)

    def forward(
        self, heard: Float[Tensor, "batch frame heard"], below: Int64[Tensor, "batch below frame"]
    ) -> Float[Tensor, "batch codebook frame vocab"]:
        """Logits of all codes of frames whose codes are known, all but the last."""
        first, state = self.begin(heard.flatten(0, 1))
        guesses = list[Tensor]()
        for place in range(len(self.heads)):
            newest = below[:, place - 1].flatten() if place else None
            guess, state = self.one(first, newest, state, place=place)
            guesses.append(guess)
        return torch.stack(guesses, dim=1).unflatten(0, heard.shape[:2]).transpose(1, 2)

    def begin(
        self, heard: Float[Tensor, "batch heard"]
    ) -> tuple[Float[Tensor, "batch dim"], Float[Tensor, "batch dim"]]:
        """What every step of a frame is told, and the state before the first."""
        first = self.project_in(heard).to(heard.dtype)
        return first, torch.zeros_like(first)

    def one(
        self,
        first: Float[Tensor, "batch dim"],
        newest: Int64[Tensor, " batch"] | None,
        state: Float[Tensor, "batch dim"],
        *,
        place: int,
    ) -> tuple[Float[Tensor, "batch vocab"], Float[Tensor, "batch dim"]]:
        """Logits of the code at a place, 0…Q-1, and the state behind it.

        Args:
            first, state: as `begin` gives them, the state then as the step before gave it.
            newest: the code below; None at the lowest place.
            place: codebook of the code.
        """
        told = first if newest is None else first + self.codes(newest + self.offsets[place - 1])
        state = self.cell(told, state)
        return self.heads[place](self.norm(told + self.drop(state))), state


class CodeByCode:
    """The steps of a depth head in evaluation, for the histories of a batch: the same in fewer calls.

    Attributes:
        begin: the head's own.
    """

    def __init__(self, head: DepthHead, *, rows: int) -> None:
        """Lay its weights out for a number of rows; it may be given fewer."""
        self.begin, cell = head.begin, head.cell
        self._told = FewRows(cell.weight_ih, cell.bias_ih, rows=rows)
        self._kept = FewRows(cell.weight_hh, cell.bias_hh, rows=rows)
        self._heads = [FewRows(*each.parameters(), rows=rows) for each in head.heads]
        self._codes, self._offsets = head.codes.weight, head.offsets
        self._scale, self._unit = head.norm.weight, UnitRows(head.norm.weight)

    def one(
        self,
        first: Float[Tensor, "batch dim"],
        newest: Int64[Tensor, " batch"] | None,
        state: Float[Tensor, "batch dim"],
        *,
        place: int,
    ) -> tuple[Float[Tensor, "batch vocab"], Float[Tensor, "batch dim"]]:
        """As of `DepthHead`."""
        told = first
        if newest is not None:
            told = first + functional.embedding(newest + self._offsets[place - 1], self._codes)
        width = told.shape[1]
        heard, kept = self._told(told), self._kept(state)
        reset, update = (heard[:, : 2 * width] + kept[:, : 2 * width]).sigmoid_().chunk(2, dim=1)
        fresh = torch.addcmul(heard[:, 2 * width :], reset, kept[:, 2 * width :]).tanh_()
        state = torch.lerp(fresh, state, update)
        return self._heads[place](self._unit(told + state).mul_(self._scale)), state
