"""The nearest passages by their soft scores: what was believed, where the edit distance counts decisions.

Three questions are asked of a query and a passage, and the answers added; the last two only of those that the first
puts in front.

1. How likely is the passage's string, given what was believed of the query?
2. How likely is the query's, given what was believed of the passage? An index that keeps no posteriors cannot say.
3. How unlike do they sound (`smalti.search.likeness`)? A tokenizer that learnt from few voices may be sure of the wrong
   word in a new one. It is asked of whole recordings: what lies inside a longer one is cut where tokens begin, not
   where words do, and the better of two cuts would lose.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int64

from smalti.search.holds import sounding
from smalti.search.likeness import unlikeness
from smalti.search.passages import Passages
from smalti.search.places import Places
from smalti.search.posteriors import LOGARITHMS, PROBABILITIES, SCALE
from smalti.search.ranking import aligned
from smalti.search.soft import Pairs, pair_scores
from smalti.search.strings import TokenString, spans

_BEST = 64  # passages that are asked all questions, and what equals the last of them
_SOUND = 2.0  # nats a frame that a deviation apart counts


@dataclass(frozen=True, slots=True)
class _Stretches:
    """What of a query is held against what of some passages of a segment.

    Attributes:
        passages, rows: of the segment, and which of them.
        first, count: of the tokens of the query's string.
        begins, tokens: where those of theirs begin among the tokens of all passages, and how many they are.
        frame: of its recording at which each of theirs begins.
        cut: which of them are not whole recordings.
    """

    passages: Passages
    rows: Int64[np.ndarray, " pair"]
    first: Int64[np.ndarray, " pair"]
    count: Int64[np.ndarray, " pair"]
    begins: Int64[np.ndarray, " pair"]
    tokens: Int64[np.ndarray, " pair"]
    frame: Int64[np.ndarray, " pair"]
    cut: Int64[np.ndarray, " cut"]

    def sounding(self) -> Int64[np.ndarray, "pair 2"]:
        """First row of posteriors, and end, of theirs, without what is held at their ends."""
        passages, cut = self.passages, self.cut
        owner = passages.owner[self.rows]
        if not len(cut):
            return passages.sounding(owner)
        found = np.zeros((len(owner), 2), np.int64)
        whole = np.delete(np.arange(len(owner)), cut)
        found[whole] = passages.sounding(owner[whole])
        spanned = zip(self.begins[cut].tolist(), self.tokens[cut].tolist(), strict=True)
        frames = [int(passages.durations[begin : begin + count].sum()) for begin, count in spanned]
        begins = passages.first_frames[owner[cut]] + self.frame[cut]
        found[cut] = passages.sounding_in(begins, np.array(frames, np.int64))
        return found


@dataclass(frozen=True, slots=True)
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

        A window of a longer recording, or any passage if `inside`, is asked about its stretch that is most like the
        query, as it is for the edit distance. What is not among the best is given the worst of their answers to the
        other questions, of those whose strings are possible at all.
        """
        found = self._beliefs(places, inside=inside)
        best = np.flatnonzero(found >= np.sort(found)[-_BEST:].min(initial=np.inf))
        more = self._more(places.taken(best), inside=inside)
        rest = np.full(len(found), more[np.isfinite(more)].min(initial=0))
        rest[best] = more
        return found + rest

    def _more(self, places: Places, *, inside: bool) -> Float[np.ndarray, " place"]:
        """What the other questions add, as far as they can be answered."""
        found = np.zeros(len(places))
        if all(passages.posteriors is not None for passages, _, _ in places.by_segment()):
            for passages, at, rows in places.by_segment():
                found[at] = pair_scores(self._ours(self._stretches(passages, rows, inside=inside)))
        apart = None if inside else self._unlikeness(places)
        return found if apart is None else found - _SOUND * apart

    def _unlikeness(self, places: Places) -> Float[np.ndarray, " place"] | None:
        """How unlike some passages sound; None if that is not known, or one is a window of a longer recording."""
        if self.acoustics is None:
            return None
        found = np.zeros(len(places))
        ((begin, end),) = sounding(self.log_probabilities, np.array([len(self.log_probabilities)])).tolist()
        for passages, at, rows in places.by_segment():
            if passages.moments is None or passages.windowed[rows].any():
                return None
            kept = np.asarray(passages.moments)[passages.owner[rows]] / np.float32(SCALE)
            found[at] = unlikeness(self.acoustics[begin:end], kept)
        return found

    def _beliefs(self, places: Places, *, inside: bool) -> Float[np.ndarray, " place"]:
        found = np.zeros(len(places))
        for passages, at, rows in places.by_segment():
            found[at] = pair_scores(self._theirs(self._stretches(passages, rows, inside=inside)))
        return found

    def _stretches(self, passages: Passages, rows: Int64[np.ndarray, " pair"], *, inside: bool) -> _Stretches:
        first, end = np.zeros(len(rows), np.int64), np.full(len(rows), len(self.string))
        begins, ends, frame = passages.ends[rows], passages.ends[rows + 1], passages.starts[rows]
        cut = np.flatnonzero(np.ones(len(rows), bool) if inside else passages.windowed[rows])
        for number in cut.tolist():
            string = passages.string(int(rows[number]))
            ours, theirs = aligned(self.string.text, string.text)
            first[number], end[number] = ours.start, ours.stop
            ends[number], begins[number] = begins[number] + theirs.stop, begins[number] + theirs.start
            frame[number] = string.cut(theirs.start, theirs.stop).start
        return _Stretches(passages, rows, first, end - first, begins, ends - begins, frame, cut)

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
        found = np.repeat(sounding(given, np.array([len(given)])), len(stretches.rows), axis=0)
        for number in stretches.cut[stretches.count[stretches.cut] < count].tolist():
            first = int(stretches.first[number])
            part = self.string.cut(first, first + int(stretches.count[number]))
            beliefs = given[part.start : part.start + part.frames]
            found[number] = part.start + sounding(beliefs, np.array([len(beliefs)]))[0]
        return found
