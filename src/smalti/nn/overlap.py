"""Long sequences in windows of one fixed size, so that a stream, a whole file and a batch are the same computation.

A window begins at every multiple of its length and is given to the function with its neighbours' frames as context,
or zeros beyond the ends. As the function only ever sees one shape and one alignment, the blocks in which the input
arrived cannot change a bit of the output. The price is that output waits until its window is full.
"""

from collections.abc import Callable, Iterator

import torch
from jaxtyping import Float
from torch import Tensor

Function = Callable[[Float[Tensor, "channel frame"]], Tensor]


class Windows:
    """Runs a function over a stream of frames.

    Worked example, window 3, left 1, right 1, input a b c d e: the function sees [0 a b c d] and [c d e 0 0].

    Args:
        function: [channel, left + window + right] to whatever stands for the window's own frames.
        channels: of the input.
        window: input frames per call.
        left, right: context.
    """

    def __init__(self, function: Function, *, channels: int, window: int, left: int, right: int) -> None:
        self._function = function
        self._window, self._left, self._right = window, left, right
        self._waiting = torch.zeros(channels, left)
        self._unused = 0

    def push(self, block: Float[Tensor, "channel frame"]) -> Iterator[Tensor]:
        """The outputs of all windows whose context is now complete. The iterator must be used up."""
        self._unused += block.shape[1]
        self._waiting = torch.cat([self._waiting.to(block), block], dim=1)
        size = self._left + self._window + self._right
        first = 0
        while self._waiting.shape[1] - first >= size:
            yield self._function(self._waiting[:, first : first + size])
            first += self._window
            self._unused -= self._window
        self._waiting = self._waiting[:, first:].clone()

    def flush(self) -> Iterator[Tensor]:
        """The outputs of all windows begun, the last of which may stand for more frames than there were; then anew."""
        if self._unused:
            missing = self._right + -self._unused % self._window
            yield from self.push(self._waiting.new_zeros(self._waiting.shape[0], missing))
        self._waiting = self._waiting.new_zeros(self._waiting.shape[0], self._left)
        self._unused = 0


class CrossFade:
    """Joins pieces of sound that overlap, with equal power where two of them sound together.

    Args:
        overlap: samples that each piece shares with the next.
    """

    def __init__(self, overlap: int) -> None:
        ramp = (torch.arange(overlap) + 0.5) / overlap * (torch.pi / 2)
        self._rise, self._fall = ramp.sin(), ramp.cos()
        self._held: Tensor | None = None

    def push(self, piece: Float[Tensor, " sample"]) -> Float[Tensor, " shorter"]:
        """All of the piece but its last `overlap` samples, its beginning mixed with the end of the one before."""
        overlap = len(self._rise)
        if self._held is not None:
            mixed = self._held * self._fall.to(piece) + piece[:overlap] * self._rise.to(piece)
            piece = torch.cat([mixed, piece[overlap:]])
        self._held = piece[len(piece) - overlap :]
        return piece[: len(piece) - overlap]

    def flush(self) -> Float[Tensor, " sample"]:
        """The end of the last piece."""
        held, self._held = self._held, None
        return torch.zeros(0) if held is None else held
