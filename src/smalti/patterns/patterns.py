"""The patterns as data, and the two exact ways between codes and rows.

A pattern says in which row code (q, t) stands; its column is always q and every other cell is blank (drawn `.`).
For Q = 3 codebooks and T = 4 frames a b c d / e f g h / i j k l:

    parallel        delay                flat
    row 0 1 2 3     row 0 1 2 3 4 5      row 0 1 2 3 4 5 6 7 8 9 10 11
    q=0 a b c d     q=0 a b c d . .      q=0 a . . b . . c . . d .  .
    q=1 e f g h     q=1 . e f g h .      q=1 . e . . f . . g . . h  .
    q=2 i j k l     q=2 . . i j k l      q=2 . . i . . j . . k . .  l

A model reads rows from left to right. In `parallel` the codes of a frame are guessed independently; in `delay` codebook
q hears the codebooks below it at the price of Q - 1 rows at the end; in `flat` every code hears all before it, in time
order, at the price of Q times the rows. `depth` has the rows of `flat` for a model that reads whole frames and then
guesses the codes of the next one by one: every code hears all before it, at the price of Q short steps. No code row is
blank as a whole, so a blank row can mean "before the start".

Source: delay and flat are the patterns of arXiv:2306.05284, section 2.2. Differs: our flat rows keep their Q columns.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Int64
from torch import Tensor

from smalti.core import ParameterError, nearest


@dataclass(frozen=True, slots=True)
class Pattern:
    """Code (q, t) stands in row `stride · t + delay · q`, where stride is Q if `serial`, else 1.

    Attributes:
        name: key in PATTERNS, saved with a model.
        delay: rows by which each codebook waits for the one below it.
        serial: whether a frame takes Q rows instead of one.
    """

    name: str
    delay: int
    serial: bool

    def stride(self, codebooks: int) -> int:
        """Rows from one frame to the next."""
        return codebooks if self.serial else 1

    def extra_rows(self, codebooks: int) -> int:
        """Rows behind `stride · T` until the last frame is whole: its latency."""
        return 0 if self.serial else self.delay * (codebooks - 1)

    def row_count(self, codebooks: int, frames: int) -> int:
        """Rows that hold this many frames."""
        return self.stride(codebooks) * frames + self.extra_rows(codebooks) if frames else 0

    def frame_count(self, codebooks: int, rows: int) -> int:
        """Frames that are whole within this many rows."""
        return max(0, rows - self.extra_rows(codebooks)) // self.stride(codebooks)

    def positions(self, codebooks: int, frames: int) -> Int64[Tensor, "codebook frame"]:
        """The row of every code."""
        return self.stride(codebooks) * torch.arange(frames) + self.delay * torch.arange(codebooks)[:, None]

    def newest_frames(self, codebooks: int, frames: int) -> Int64[Tensor, " row"]:
        """The latest frame that each row holds a code of: whose condition the row is given."""
        rows = torch.arange(self.row_count(codebooks, frames))
        return (rows // self.stride(codebooks)).clamp(max=frames - 1)

    def valid(self, codebooks: int, frames: int) -> Bool[Tensor, "codebook row"]:
        """Which cells hold a code; the others are blank."""
        held = torch.zeros(codebooks, self.row_count(codebooks, frames), dtype=torch.bool)
        return held.scatter_(1, self.positions(codebooks, frames), True)

    def rows(self, codes: Int64[Tensor, "batch codebook frame"], blank: int) -> Int64[Tensor, "batch codebook row"]:
        """Lay codes out as rows, `blank` wherever no code stands (by convention the size of the vocabulary)."""
        batch, codebooks, frames = codes.shape
        rows = codes.new_full((batch, codebooks, self.row_count(codebooks, frames)), blank)
        return rows.scatter_(2, self._index(codebooks, frames, codes), codes)

    def codes(self, rows: Int64[Tensor, "batch codebook row"]) -> Int64[Tensor, "batch codebook frame"]:
        """Read codes back from rows; of rows that are still growing, the frames that are whole."""
        _, codebooks, count = rows.shape
        return rows.gather(2, self._index(codebooks, self.frame_count(codebooks, count), rows))

    def _index(self, codebooks: int, frames: int, like: Tensor) -> Tensor:
        index = self.positions(codebooks, frames).to(like.device)
        return index.expand(like.shape[0], codebooks, frames)


PATTERNS: dict[str, Pattern] = {
    "parallel": Pattern("parallel", delay=0, serial=False),
    "delay": Pattern("delay", delay=1, serial=False),
    "flat": Pattern("flat", delay=1, serial=True),
    "depth": Pattern("depth", delay=1, serial=True),
}


def find_pattern(name: str) -> Pattern:
    """The pattern of that name.

    Raises:
        ParameterError: naming the nearest.
    """
    if name not in PATTERNS:
        raise ParameterError(f"pattern {name!r} is unknown; {nearest(name, PATTERNS)}")
    return PATTERNS[name]
