"""Soft scores: how likely a string is, given what a tokenizer believes of every frame of a recording.

    frames      1    2    3    4        a string of two tokens, 7 2, is what remains of the paths
    paths       7    2    2    2        7222, 7722 and 7772 when runs are joined; its probability is
                7    7    2    2        the sum of theirs. There is no blank: equal neighbours are one token.
                7    7    7    2

An edit counts the same whether the tokenizer was sure of a token or all but chose another; here it does not.

All pairs of a recording and a string are computed at once, frame by frame, their strings end to end in one row of
slots. A slot of probability 0 stands before each: all paths begin there, and none comes over from the string before.
Pairs of many frames stand first, so that those that go on are always the beginning of the row.

    slots           .  7  2  .  7  9  2  .  4       three pairs, of 9, 9 and 5 frames
    frames 1…5      ==========================
    frames 6…9      ====================

Numbers are added, not logarithms, which cost ten times as much. Pairs too unlikely for that are computed again relative
to the likeliest of their own tokens in each frame, and those still too unlikely, or too manifold, as logarithms.

Source: Graves et al. 2006, "Connectionist temporal classification", the forward sum, with a blank of probability 0.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int64

from smalti.search.strings import spans

_TOGETHER = 512  # pairs of similar length computed at once
_SMALLEST = 1e-280  # below it, paths that matter may have been lost to zero on the way
_NEVER = -1e30  # stands for the logarithm of 0 where two of them would be subtracted

_Meet = Callable[[int, np.ndarray], None]  # plain, as closures are defined anew for every query
_Add = Callable[..., object]


@dataclass(frozen=True, slots=True)
class Pairs:
    """Strings, each of which is to be scored given the recording that it is paired with.

    Attributes:
        believed: probabilities; those of one code in a recording's frames stand side by side.
        logs: gives their natural logarithms, which only what is very unlikely needs.
        places: of each token of all strings, end to end: where in `believed` its code in the recording's first frame
            is. No two neighbours of a string are equal.
        tokens, frames: of each pair.
    """

    believed: Float[np.ndarray, " number"]
    logs: Callable[[], Float[np.ndarray, " number"]]
    places: Int64[np.ndarray, " token"]
    tokens: Int64[np.ndarray, " pair"]
    frames: Int64[np.ndarray, " pair"]

    def __len__(self) -> int:
        return len(self.frames)


def pair_scores(pairs: Pairs) -> Float[np.ndarray, " pair"]:
    """How likely each string is, given its recording: log p(string) / frames; -inf if it cannot be.

    A string of more tokens than there are frames is impossible, as is one of no tokens.
    """
    frames, tokens = pairs.frames, pairs.tokens
    found = np.full(len(pairs), -np.inf)
    order = np.argsort(-frames, kind="stable")
    order = order[((tokens >= 1) & (tokens <= frames))[order]]
    behind = np.zeros(int(frames.max(initial=0)))  # the probability, in every frame, of what stands before a string
    values = np.concatenate([pairs.believed, behind])
    begins = np.cumsum(tokens) - tokens
    for first in range(0, len(order), _TOGETHER):
        chosen = order[first : first + _TOGETHER]
        row = _Row.of(pairs, begins[chosen], chosen)
        found[chosen] = _logs_of_sums(row, values, pairs.logs)
    return found / np.maximum(frames, 1)


@dataclass(frozen=True, slots=True)
class _Row:
    """Slots of some pairs, those of most frames first.

    Attributes:
        places: of each slot, as of `pair_scores`; behind all logarithms for what stands before a string.
        firsts: slot before each string.
        ends: slot behind it.
        frames: of each pair.
    """

    places: Int64[np.ndarray, " slot"]
    firsts: Int64[np.ndarray, " pair"]
    ends: Int64[np.ndarray, " pair"]
    frames: Int64[np.ndarray, " pair"]

    @classmethod
    def of(cls, pairs: Pairs, begins: Int64[np.ndarray, " chosen"], chosen: Int64[np.ndarray, " chosen"]) -> "_Row":
        """Of some pairs, whose strings begin at these of all places."""
        counts = pairs.tokens[chosen] + 1
        ends = np.cumsum(counts)
        firsts = ends - counts
        places = pairs.places[spans(begins - 1, counts)]
        places[firsts] = len(pairs.believed)
        return cls(places, firsts, ends, pairs.frames[chosen])

    def taken(self, chosen: Int64[np.ndarray, " chosen"]) -> "_Row":
        """Some of the pairs, in their order."""
        counts = (self.ends - self.firsts)[chosen]
        ends = np.cumsum(counts)
        return _Row(self.places[spans(self.firsts[chosen], counts)], ends - counts, ends, self.frames[chosen])

    def going_on(self) -> Int64[np.ndarray, " frame"]:
        """How many pairs have each frame."""
        return len(self.frames) - np.cumsum(np.bincount(self.frames))[:-1]


def _logs_of_sums(
    row: _Row, values: Float[np.ndarray, " more"], logs: Callable[[], Float[np.ndarray, " number"]]
) -> Float[np.ndarray, " pair"]:
    """Logarithms of the sums over all paths of each pair."""
    found, sure = _plain(row, values)
    if sure.all():
        return found
    given, behind = logs(), np.full(len(values), _NEVER)
    behind[: len(given)] = np.maximum(given, _NEVER)
    for way in (_relative, _logarithmic):
        again = np.flatnonzero(~sure)
        if len(again):
            found[again], sure[again] = way(row.taken(again), behind)
    return np.where(found <= _NEVER / 2, -np.inf, found)


def _plain(row: _Row, values: Float[np.ndarray, " more"]) -> tuple[np.ndarray, np.ndarray]:
    def meet(frame: int, slots: np.ndarray) -> None:
        # no place is outside; to make sure takes longer
        slots *= values[frame:].take(row.places[: len(slots)], mode="clip")

    return _sure(_forward(row, meet))


def _relative(row: _Row, logs: Float[np.ndarray, " more"]) -> tuple[np.ndarray, np.ndarray]:
    """In every frame divided by the probability of the pair's likeliest token: what is likely is not lost to zero."""
    going_on, counts = row.going_on().tolist(), row.ends - row.firsts
    offset = np.zeros(len(row.frames))

    def meet(frame: int, slots: np.ndarray) -> None:
        pairs = going_on[frame]
        own = logs[frame:].take(row.places[: len(slots)])
        highest = np.maximum.reduceat(own, row.firsts[:pairs])
        offset[:pairs] += highest
        own -= np.repeat(highest, counts[:pairs])
        slots *= np.exp(own, out=own)
        slots[row.firsts[:pairs]] = 0  # what grew to infinity in one string is not to reach the next

    found, sure = _sure(_forward(row, meet))
    return found + offset, sure


def _logarithmic(row: _Row, logs: Float[np.ndarray, " more"]) -> tuple[np.ndarray, np.ndarray]:
    def meet(frame: int, slots: np.ndarray) -> None:
        slots += logs[frame:].take(row.places[: len(slots)])

    found = _forward(row, meet, add=_add_logs, zero=_NEVER, one=0.0)
    return found, np.ones(len(found), bool)


def _sure(sums: Float[np.ndarray, " pair"]) -> tuple[np.ndarray, np.ndarray]:
    """Their logarithms, and which are neither too small nor too large to be trusted."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.log(sums), (sums > _SMALLEST) & np.isfinite(sums)


def _forward(
    row: _Row, meet: _Meet, *, add: _Add = np.add, zero: float = 0.0, one: float = 1.0
) -> Float[np.ndarray, " pair"]:
    """Sum over all paths, frame by frame: each stays at its token or goes on to the next.

    Args:
        meet: multiplies slots by their probabilities in a frame.
        add, zero, one: of numbers, or of what stands for them.
    """
    even, odd = np.full((2, 1 + len(row.places)), zero)  # one more in front, where nothing ever is
    even[1 + row.firsts] = one  # where all paths are before the first frame
    before, after = even, odd
    with np.errstate(over="ignore", invalid="ignore"):
        for frame, end in enumerate(row.ends[row.going_on() - 1].tolist()):
            slots = after[1 : 1 + end]
            add(before[1 : 1 + end], before[:end], out=slots)
            meet(frame, slots)
            before, after = after, before
    return np.where(row.frames % 2, odd[row.ends], even[row.ends])


def _add_logs(one: np.ndarray, other: np.ndarray, *, out: np.ndarray) -> None:
    """log(exp(one) + exp(other)); five times as fast as `np.logaddexp`, which must mind infinities."""
    less = np.subtract(one, other)
    np.abs(less, out=less)
    np.exp(np.negative(less, out=less), out=less)
    less += 1
    np.log(less, out=less)
    np.maximum(one, other, out=out)
    out += less
