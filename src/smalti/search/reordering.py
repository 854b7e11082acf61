"""The nearest passages in the order of their soft scores: what was believed, where the edit distance counts decisions.

Two questions are asked of a query and a passage, and their answers added: how likely is the passage's string, given
what was believed of the query, and how likely is the query's, given what was believed of the passage. An index that
keeps no posteriors can only be asked the first.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, UInt8

from smalti.search.passages import Passages
from smalti.search.posteriors import LOGARITHMS
from smalti.search.ranking import aligned
from smalti.search.soft import column_scores, string_scores
from smalti.search.strings import TokenString

Place = tuple[Passages, int]


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
        pieces: list[tuple[Passages, int, TokenString]] = []
        for number, (passages, row) in enumerate(places):
            string = passages.string(row)
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

    def _compared(self, pieces: Sequence[tuple[Passages, int, TokenString]], both: bool) -> Float[np.ndarray, " piece"]:
        """Of stretches of recordings, each given by its row and its string."""
        found = string_scores(self.log_probabilities, [string.codes for _, _, string in pieces])
        if not both or not pieces:
            return found
        believed = [_frames(passages, recording, string) for passages, recording, string in pieces]
        columns = np.concatenate([one.take(self.string.codes, axis=1) for one in believed])
        return found + column_scores(LOGARITHMS.take(columns), np.array([len(one) for one in believed]))


def _frames(passages: Passages, recording: int, string: TokenString) -> UInt8[np.ndarray, "frame vocab"]:
    assert passages.posteriors is not None
    begin = int(passages.first_frames[recording]) + string.start
    return passages.posteriors[begin : begin + string.frames]
