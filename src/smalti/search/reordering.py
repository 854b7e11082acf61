"""The nearest passages by their soft scores: what was believed, where the edit distance counts decisions.

Three questions are asked of a query and a passage, and the answers added; the last two only of those that the first
puts in front.

1. How likely is the passage's string, given what was believed of the query?
2. How likely is the query's, given what was believed of the passage? An index that keeps no posteriors cannot say.
3. How unlike do they sound (`smalti.search.likeness`)? A tokenizer that learnt from few voices may be sure of the wrong
   word in a new one. It is asked of whole recordings: what lies inside a longer one is cut where tokens begin, not
   where words do, and the better of two cuts would lose.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float, Int64

from smalti.search.holds import sounding_alone
from smalti.search.likeness import unlikeness
from smalti.search.passages import Passages
from smalti.search.places import Places
from smalti.search.posteriors import LOGARITHMS, PROBABILITIES
from smalti.search.ranking import aligned
from smalti.search.soft import Pairs, pair_scores
from smalti.search.strings import TokenString, spans

_BEST = 64  # passages that are asked all questions, and what equals the last of them
_SOUND = 2.0  # nats a frame that a deviation apart counts


@dataclass(frozen=True, slots=True)
class _Stretches:
    """What of a query is held against what of some passages of a segment.

    Attributes:
        passages: of the segment.
        at: which of all places that are asked about.
        rows: of the segment.
        first, count: of the tokens of the query's string.
        begins, tokens: where those of theirs begin among the tokens of all passages, and how many they are.
        frame: of its recording at which each of theirs begins.
        cut: those that are not whole recordings.
    """

    passages: Passages
    at: Int64[np.ndarray, " pair"]
    rows: Int64[np.ndarray, " pair"]
    first: Int64[np.ndarray, " pair"]
    count: Int64[np.ndarray, " pair"]
    begins: Int64[np.ndarray, " pair"]
    tokens: Int64[np.ndarray, " pair"]
    frame: Int64[np.ndarray, " pair"]
    cut: Bool[np.ndarray, " pair"]

    def taken(self, asked: Bool[np.ndarray, " place"]) -> "_Stretches":
        """Those of some of all places."""
        kept = asked[self.at]
        rest = (self.at, self.rows, self.first, self.count, self.begins, self.tokens, self.frame, self.cut)
        return _Stretches(self.passages, *(each[kept] for each in rest))

    def sounding(self) -> Int64[np.ndarray, "pair 2"]:
        """First row of posteriors, and end, of theirs, without what is held at their ends."""
        passages, cut = self.passages, self.cut
        owner = passages.owner[self.rows]
        if not cut.any():
            return passages.sounding(owner)
        found = np.zeros((len(owner), 2), np.int64)
        found[~cut] = passages.sounding(owner[~cut])
        spanned = zip(self.begins[cut].tolist(), self.tokens[cut].tolist(), strict=True)
        frames = [int(passages.durations[begin : begin + count].sum()) for begin, count in spanned]
        begins = passages.first_frames[owner[cut]] + self.frame[cut]
        found[cut] = passages.sounding_in(begins, np.array(frames, np.int64))
        return found


@dataclass(frozen=True)
class SoftQuery:
    """A query, and what was believed of each of its frames.

    Attributes:
        string: all of its tokens.
        log_probabilities: natural logarithms, of every code in every frame.
        acoustics: what every frame sounds like; None if that is not known.
    """

    string: TokenString
    log_probabilities: Float[np.ndarray, "frame vocab"]
    acoustics: Float[np.ndarray, "frame dim"] | None = None

    def scores(self, places: Places, *, inside: bool) -> Float[np.ndarray, " place"]:
        """Mean log-probability per frame of the strings of some passages, and of the query's own given theirs.

        A window of a longer recording, or any passage longer than the query if `inside`, is asked about its stretch
        that is most like the query, as it is for the edit distance. What is not among the best is given the worst of
        their answers to the other questions, of those whose strings are possible at all.
        """
        parts = [self._stretches(*part, inside=inside) for part in places.by_segment()]
        found = _asked(lambda part: pair_scores(self._theirs(part)), parts, len(places))
        best = found >= np.sort(found)[-_BEST:].min(initial=np.inf)
        more = self._more([part.taken(best) for part in parts if best[part.at].any()], len(places))[best]
        rest = np.full(len(found), more[np.isfinite(more)].min(initial=0))
        rest[best] = more
        return found + rest

    def _more(self, parts: Sequence[_Stretches], count: int) -> Float[np.ndarray, " place"]:
        """What the other questions add, as far as they can be answered."""
        found = np.zeros(count)
        if all(part.passages.posteriors is not None for part in parts):
            found = _asked(lambda part: pair_scores(self._ours(part)), parts, count)
        heard = all(part.passages.moments is not None and not part.cut.any() for part in parts)
        if heard and self.acoustics is not None:
            found -= _SOUND * _asked(self._unlikeness, parts, count)
        return found

    def _unlikeness(self, part: _Stretches) -> Float[np.ndarray, " pair"]:
        assert self.acoustics is not None and part.passages.moments is not None
        theirs = np.asarray(part.passages.moments)[part.passages.owner[part.rows]]
        return unlikeness(self.acoustics[self._own], theirs)

    @cached_property
    def _own(self) -> slice:
        """Its frames without what is held at its ends."""
        return sounding_alone(self.log_probabilities)

    def _stretches(
        self, passages: Passages, at: Int64[np.ndarray, " pair"], rows: Int64[np.ndarray, " pair"], *, inside: bool
    ) -> _Stretches:
        first, end = np.zeros(len(rows), np.int64), np.full(len(rows), len(self.string))
        begins, ends, frame = passages.ends[rows], passages.ends[rows + 1], passages.starts[rows]
        cut = passages.parted(rows, len(self.string), inside=inside)
        for number in np.flatnonzero(cut).tolist():
            string = passages.string(int(rows[number]))
            ours, theirs = aligned(self.string.text, string.text)
            first[number], end[number] = ours.start, ours.stop
            ends[number], begins[number] = begins[number] + theirs.stop, begins[number] + theirs.start
            frame[number] = string.cut(theirs.start, theirs.stop).start
        return _Stretches(passages, at, rows, first, end - first, begins, ends - begins, frame, cut)

    def _theirs(self, stretches: _Stretches) -> Pairs:
        """Strings of passages, given what was believed of the query."""
        given, tokens = self.log_probabilities, stretches.tokens
        sounds, logs = self._sounding(stretches), given.T.astype(np.float64, order="C").reshape(-1)
        codes = stretches.passages.codes[spans(stretches.begins, tokens)].astype(np.int64)
        places = codes * len(given) + np.repeat(sounds[:, 0], tokens)
        return Pairs(np.exp(logs), lambda: logs, places, tokens, sounds[:, 1] - sounds[:, 0])

    def _ours(self, stretches: _Stretches) -> Pairs:
        """Strings of the query, given what was believed of the passages: of its own codes, which are few."""
        sounds, posteriors = stretches.sounding(), stretches.passages.posteriors
        assert posteriors is not None
        frames = sounds[:, 1] - sounds[:, 0]
        flat, rows = np.asarray(posteriors).reshape(-1), spans(sounds[:, 0], frames) * posteriors.shape[1]
        codes = self.string.codes.tolist()
        lines = {code: line for line, code in enumerate(dict.fromkeys(codes))}
        believed = np.empty((len(lines), len(rows)), np.uint8)
        for code, line in lines.items():
            flat[code:].take(rows, out=believed[line], mode="clip")
        begins = np.array([lines[code] * len(rows) for code in codes])
        places = begins[spans(stretches.first, stretches.count)]
        places += np.repeat(np.cumsum(frames) - frames, stretches.count)
        given = believed.reshape(-1)
        return Pairs(PROBABILITIES.take(given), lambda: LOGARITHMS.take(given), places, stretches.count, frames)

    def _sounding(self, stretches: _Stretches) -> Int64[np.ndarray, "pair 2"]:
        """First frame, and end, of what is held against each passage, without what is held at its ends."""
        given, count = self.log_probabilities, len(self.string)
        found = np.tile([self._own.start, self._own.stop], (len(stretches.rows), 1))
        for number in np.flatnonzero(stretches.cut & (stretches.count < count)).tolist():
            first = int(stretches.first[number])
            part = self.string.cut(first, first + int(stretches.count[number]))
            own = sounding_alone(given[part.start : part.start + part.frames])
            found[number] = part.start + own.start, part.start + own.stop
        return found


def _asked(
    question: Callable[[_Stretches], Float[np.ndarray, " _"]], parts: Sequence[_Stretches], count: int
) -> Float[np.ndarray, " place"]:
    """The answers of all parts, each where its places stand among all; 0 at those of no part."""
    found = np.zeros(count)
    for part in parts:
        found[part.at] = question(part)
    return found
