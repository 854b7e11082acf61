"""The nearest passages in the order of their soft scores: what was believed, where the edit distance counts decisions.

Two questions are asked of a query and a passage, and their answers added: how likely is the passage's string, given
what was believed of the query, and how likely is the query's, given what was believed of the passage. An index that
keeps no posteriors can only be asked the first.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from jaxtyping import Float, Int64, Shaped, UInt8

from smalti.search.passages import Passages
from smalti.search.posteriors import LOGARITHMS
from smalti.search.ranking import aligned
from smalti.search.soft import column_scores, string_scores
from smalti.search.strings import TokenString

T = TypeVar("T")
Place = tuple[Passages, int]
Piece = tuple[Passages, int, TokenString]  # a recording's row, and a stretch of it


@dataclass(frozen=True, slots=True)
class SoftQuery:
    """A query, and what was believed of each of its frames.

    Attributes:
        string: all of its tokens.
        log_probabilities: natural logarithms, of every code in every frame.
    """

    string: TokenString
    log_probabilities: Float[np.ndarray, "frame vocab"]

    def scores(self, places: Sequence[Place], *, inside: bool) -> Float[np.ndarray, " place"]:
        """Mean log-probability per frame of the strings of some passages, and of the query's own given theirs.

        A window of a longer recording, or any passage if `inside`, is asked about its stretch that is most like the
        query, as it is for the edit distance.
        """
        both = all(passages.posteriors is not None for passages, _ in places)
        found = np.zeros(len(places))
        whole: list[int] = []
        pieces: list[Piece] = []
        for number, ((passages, row), string) in enumerate(
            zip(places, of_places(places, Passages.strings), strict=True)
        ):
            if not (inside or passages.windowed[row]):
                ours, theirs = self.string, string
            else:
                one, other = aligned(self.string.text, string.text)
                ours, theirs = self.string.cut(one.start, one.stop), string.cut(other.start, other.stop)
            if len(ours) == len(self.string):
                whole.append(number)
                pieces.append((passages, int(passages.owner[row]), theirs))
            else:
                found[number] = self._part(ours)._compared([(passages, int(passages.owner[row]), theirs)], both)[0]
        found[whole] = self._compared(pieces, both)
        return found

    def _part(self, string: TokenString) -> "SoftQuery":
        """The query's stretch of this string."""
        return SoftQuery(string, self.log_probabilities[string.start : string.start + string.frames])

    def _compared(self, pieces: Sequence[Piece], both: bool) -> Float[np.ndarray, " piece"]:
        """Of stretches of recordings, each given by its row and its string."""
        found = string_scores(unheld(self.log_probabilities), [string.codes for _, _, string in pieces])
        if not both:
            return found
        for passages, chosen in _by_segment([passages for passages, _, _ in pieces]):
            stretches = [(pieces[i][1], pieces[i][2]) for i in chosen]
            columns, counts = _heard(passages, stretches, self.string.codes)
            found[chosen] += column_scores(LOGARITHMS.take(columns), counts)
        return found


def unheld(rows: Shaped[np.ndarray, "frame vocab"]) -> Shaped[np.ndarray, "shorter vocab"]:
    """Frames of a recording without those at its ends that only repeat their neighbour.

    A tokenizer that does not listen to quiet ends names them as the nearest frame that it heard. They say nothing, and
    in a mean per frame they would make all strings likelier that stand beside much silence.
    """
    return rows[_kept(rows, np.array([len(rows)]))]


def _kept(rows: Shaped[np.ndarray, "frame vocab"], counts: Int64[np.ndarray, " stretch"]) -> Int64[np.ndarray, " kept"]:
    """The frames of stretches, one after another, that `unheld` leaves of each."""
    ends = np.cumsum(counts)
    begins, places = ends - counts, np.arange(len(rows))
    differs = np.zeros(len(rows), bool)
    differs[:-1] = (rows[1:] != rows[:-1]).any(axis=1)
    differs[ends[counts > 0] - 1] = False  # what follows is another stretch
    owner = np.repeat(np.arange(len(counts)), counts)[differs]
    firsts, lasts = ends.copy(), begins.copy()  # of a stretch whose frames are all equal the first one is left
    firsts[owner[::-1]], lasts[owner] = places[differs][::-1], places[differs] + 1
    firsts = np.where(firsts == ends, begins, firsts)
    return places[(places >= np.repeat(firsts, counts)) & (places <= np.repeat(lasts, counts))]


def of_places(places: Sequence[Place], asked: Callable[[Passages, Int64[np.ndarray, " _"]], list[T]]) -> list[T]:
    """What is asked of rows of passages, for places of several segments, in their order."""
    found: list[T | None] = [None] * len(places)
    for passages, chosen in _by_segment([passages for passages, _ in places]):
        rows = np.array([places[number][1] for number in chosen], np.int64)
        for number, one in zip(chosen, asked(passages, rows), strict=True):
            found[number] = one
    return [one for one in found if one is not None]


def _by_segment(given: Sequence[Passages]) -> list[tuple[Passages, list[int]]]:
    """The segments there are, and where each of them stands."""
    found: dict[int, tuple[Passages, list[int]]] = {}
    for number, passages in enumerate(given):
        found.setdefault(id(passages), (passages, []))[1].append(number)
    return list(found.values())


def _heard(
    passages: Passages, stretches: Sequence[tuple[int, TokenString]], codes: Int64[np.ndarray, " token"]
) -> tuple[UInt8[np.ndarray, "frame token"], Int64[np.ndarray, " stretch"]]:
    """What was believed of some codes in stretches of recordings, one after another, and how many frames each has."""
    assert passages.posteriors is not None
    counts = _frames([string for _, string in stretches])
    begins = passages.first_frames[[recording for recording, _ in stretches]]
    begins = begins + np.array([string.start for _, string in stretches], np.int64)
    shifts = np.repeat(begins - np.cumsum(counts) + counts, counts)
    rows = passages.posteriors[shifts + np.arange(len(shifts))]
    kept = _kept(rows, counts)
    owners = np.repeat(np.arange(len(counts)), counts)[kept]
    return rows[kept][:, codes], np.bincount(owners, minlength=len(counts))


def _frames(strings: Sequence[TokenString]) -> Int64[np.ndarray, " string"]:
    """How long each lasts."""
    owner = np.repeat(np.arange(len(strings)), [len(string) for string in strings])
    durations = np.concatenate([np.zeros(0, np.int64), *(string.durations for string in strings)])
    return np.bincount(owner, weights=durations, minlength=len(strings)).astype(np.int64)
