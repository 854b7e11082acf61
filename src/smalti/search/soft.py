"""Soft scores: how likely a string is, given what a tokenizer believes of every frame of a recording.

    frames      1    2    3    4        a string of two tokens, 7 2, is what remains of the paths
    paths       7    2    2    2        7222, 7722 and 7772 when runs are joined; its probability is
                7    7    2    2        the sum of theirs. There is no blank: equal neighbours are one token.
                7    7    7    2

An edit counts the same whether the tokenizer was sure of a token or all but chose another; here it does not. Many pairs
are computed at once, as numbers and not as logarithms, for those cost ten times as much; the few pairs whose numbers
are too small for that are computed again as logarithms.

Source: Graves et al. 2006, "Connectionist temporal classification", the forward sum, with a blank of probability 0.
"""

from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import Bool, Float, Int64

_TOGETHER = 256  # pairs of similar size computed at once
_SMALLEST = 1e-280  # below it, paths that matter may have been lost to zero on the way
_NEVER = -1e30  # stands for the logarithm of 0 where two of them would be subtracted

_Take = Callable[[np.ndarray, int, np.ndarray | slice], Float[np.ndarray, "token pair"]]


def string_scores(
    log_probabilities: Float[np.ndarray, "frame vocab"], strings: Sequence[Int64[np.ndarray, " _"]]
) -> Float[np.ndarray, " string"]:
    """How likely each of many strings is, given one recording: log p(string) / frames; -inf if it cannot be.

    Args:
        log_probabilities: natural logarithms, of every code in every frame.
        strings: codes, no two neighbours equal. One of more tokens than there are frames is impossible, as is one of
            no tokens.
    """
    frames = len(log_probabilities)
    highest, logs = _relative(log_probabilities, axis=1)
    values = np.exp(logs)
    counts = np.array([len(one) for one in strings], np.int64)
    found = np.full(len(strings), -np.inf)
    for chosen in _groups(counts, (counts >= 1) & (counts <= frames)):
        codes = np.zeros((counts[chosen].max(), len(chosen)), np.int64)
        for column, number in enumerate(chosen.tolist()):
            codes[: counts[number], column] = strings[number]

        def take(table: np.ndarray, frame: int, part: np.ndarray | slice, codes: np.ndarray = codes) -> np.ndarray:
            return table[frame].take(codes[:, part])

        found[chosen] = _sums(take, values, logs, frames=np.full(len(chosen), frames), tokens=counts[chosen])
    return (found + highest.sum()) / max(frames, 1)


def recording_scores(
    log_probabilities: Sequence[Float[np.ndarray, "_ vocab"]], string: Int64[np.ndarray, " token"]
) -> Float[np.ndarray, " recording"]:
    """How likely one string is, given each of many recordings: log p(string) / frames of each; -inf if it cannot be.

    Args:
        log_probabilities: of each recording, as of `string_scores`.
        string: codes, no two neighbours equal.
    """
    columns = [np.zeros((0, len(string))), *(one.take(string, axis=1) for one in log_probabilities)]
    return column_scores(np.concatenate(columns), np.array([len(one) for one in log_probabilities], np.int64))


def column_scores(
    columns: Float[np.ndarray, "frame token"], frames: Int64[np.ndarray, " recording"]
) -> Float[np.ndarray, " recording"]:
    """The same as `recording_scores` of the logarithms that matter: of the string's own tokens.

    Args:
        columns: of every token of the string, of all frames of all recordings, one recording after another.
        frames: of each recording.
    """
    tokens = columns.shape[1]
    highest, logs = _relative(np.ascontiguousarray(columns.T), axis=0)
    values = np.exp(logs)
    begins = np.concatenate([[0], np.cumsum(frames)])
    offset = np.bincount(np.repeat(np.arange(len(frames)), frames), weights=highest, minlength=len(frames))
    found = np.full(len(frames), -np.inf)
    for chosen in _groups(frames, (frames >= tokens) & (tokens > 0)):
        first, last = begins[chosen], begins[chosen + 1] - 1

        def take(
            table: np.ndarray,
            frame: int,
            part: np.ndarray | slice,
            first: np.ndarray = first,
            last: np.ndarray = last,
        ) -> np.ndarray:
            return table.take(np.minimum(first[part] + frame, last[part]), axis=1)

        found[chosen] = _sums(take, values, logs, frames=frames[chosen], tokens=np.full(len(chosen), tokens))
    return (found + offset) / np.maximum(frames, 1)


def _relative(logs: Float[np.ndarray, "_ _"], *, axis: int) -> tuple[Float[np.ndarray, " frame"], np.ndarray]:
    """The highest of every frame, and all less that: then what is likely is near 1 and is not lost to zero."""
    highest = np.maximum(logs.max(axis=axis, initial=_NEVER), _NEVER)
    return highest.astype(np.float64), np.subtract(logs, np.expand_dims(highest, axis), dtype=np.float64)


def _groups(sizes: Int64[np.ndarray, " pair"], possible: Bool[np.ndarray, " pair"]) -> list[Int64[np.ndarray, " _"]]:
    """Pairs that can be, those of similar size together."""
    order = np.argsort(sizes, kind="stable")
    order = order[possible[order]]
    return [order[first : first + _TOGETHER] for first in range(0, len(order), _TOGETHER)]


def _sums(
    take: _Take,
    values: np.ndarray,
    logs: np.ndarray,
    *,
    frames: Int64[np.ndarray, " pair"],
    tokens: Int64[np.ndarray, " pair"],
) -> Float[np.ndarray, " pair"]:
    """Logarithms of the forward sums; `take` gives what a table says of some pairs' tokens in a frame."""
    everything = slice(None)
    sums = _forward(lambda frame: take(values, frame, everything), frames, tokens, logs=False)
    unsure = np.flatnonzero(~((sums > _SMALLEST) & np.isfinite(sums)))
    with np.errstate(divide="ignore", invalid="ignore"):
        found = np.log(sums)
    if len(unsure):
        found[unsure] = _forward(lambda frame: take(logs, frame, unsure), frames[unsure], tokens[unsure], logs=True)
    return found


def _forward(
    emissions: Callable[[int], Float[np.ndarray, "token pair"]],
    frames: Int64[np.ndarray, " pair"],
    tokens: Int64[np.ndarray, " pair"],
    *,
    logs: bool,
) -> Float[np.ndarray, " pair"]:
    """Sum over all paths, frame by frame: each stays at its token or goes on to the next.

    Row 0 stands before the string, where all paths are before the first frame and none is after it. A number too large
    to hold becomes infinite, which the caller sees.
    """
    none, add, times = (_NEVER, _add_logs, np.add) if logs else (0.0, np.add, np.multiply)
    before = np.full((int(tokens.max()) + 1, len(tokens)), none)
    after = before.copy()
    before[0] = 0.0 if logs else 1.0
    found, ends = np.empty(len(tokens)), set(frames.tolist())
    for frame in range(int(frames.max())):
        reached = after[1:]
        with np.errstate(over="ignore", invalid="ignore"):
            add(before[1:], before[:-1], out=reached)
            times(reached, emissions(frame)[: len(reached)], out=reached)
        before[0] = none
        before, after = after, before
        if frame + 1 in ends:
            ended = np.flatnonzero(frames == frame + 1)
            found[ended] = before[tokens[ended], ended]
    return np.where(found <= _NEVER / 2, -np.inf, found) if logs else found


def _add_logs(one: np.ndarray, other: np.ndarray, *, out: np.ndarray) -> None:
    """log(exp(one) + exp(other)); five times as fast as `np.logaddexp`, which must mind infinities."""
    less = np.subtract(one, other)
    np.abs(less, out=less)
    np.exp(np.negative(less, out=less), out=less)
    less += 1
    np.log(less, out=less)
    np.maximum(one, other, out=out)
    out += less
