"""Passages of some segments in one order, as numbers: a query compares hundreds, and objects would cost too much."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int64, UInt64

from smalti.search.passages import Passages
from smalti.search.strings import TokenStrings

Pile = tuple[Passages, Int64[np.ndarray, " _"]]  # segments hold different numbers of passages


@dataclass(frozen=True, slots=True, eq=False)
class Places:
    """Where passages lie.

    Attributes:
        segments: the passages of each segment.
        segment, row: of every place.
    """

    segments: tuple[Passages, ...]
    segment: Int64[np.ndarray, " place"]
    row: Int64[np.ndarray, " place"]

    @classmethod
    def of(cls, piles: Sequence[Pile]) -> "Places":
        """Rows of some segments, one segment after another."""
        rows = [rows for _, rows in piles]
        numbers = np.repeat(np.arange(len(rows)), [len(one) for one in rows])
        return cls(tuple(passages for passages, _ in piles), numbers, np.concatenate([np.zeros(0, np.int64), *rows]))

    def __len__(self) -> int:
        return len(self.row)

    def __getitem__(self, number: int) -> tuple[Passages, int]:
        return self.segments[self.segment.item(number)], self.row.item(number)

    def taken(self, order: Int64[np.ndarray, " chosen"] | slice) -> "Places":
        """Some of them, in this order."""
        return Places(self.segments, self.segment[order], self.row[order])

    def by_segment(self) -> Iterator[tuple[Passages, Int64[np.ndarray, " _"], Int64[np.ndarray, " _"]]]:
        """Every segment that is among them: its passages, where its places stand, and their rows."""
        for number, passages in enumerate(self.segments):
            at = np.flatnonzero(self.segment == number)
            if len(at):
                yield passages, at, self.row[at]

    def strings(self) -> TokenStrings:
        """Of each."""
        if len(self.segments) == 1:
            return self.segments[0].strings(self.row)
        found = [(at, passages.strings(rows)) for passages, at, rows in self.by_segment()]
        return TokenStrings.joined([one for _, one in found]).taken(_back([at for at, _ in found]))

    def marks(self) -> UInt64[np.ndarray, " place"]:
        """A number of each, which its path and first frame decide."""
        if len(self.segments) == 1:
            return self.segments[0].marks(self.row)
        found = np.zeros(len(self), np.uint64)
        for passages, at, rows in self.by_segment():
            found[at] = passages.marks(rows)
        return found


def _back(places: Sequence[Int64[np.ndarray, " _"]]) -> Int64[np.ndarray, " place"]:
    """Where, of what was taken segment by segment, each place now stands."""
    return np.argsort(np.concatenate([np.zeros(0, np.int64), *places]))
