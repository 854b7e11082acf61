"""How unlike two stretches of sound are, whatever a tokenizer calls them.

Both are read at twelve moments, evenly spread, and the query five times: its middle may come earlier or later. What
counts is the time of these that fits best, a time warping of five paths for a fiftieth of the cost of all of them.

    query      |----.----|----.----|      its middle where it is, or after 35, 42.5, 57.5 or 65 % of its time
    passage    |--.--|-------.-----|
"""

import numpy as np
from jaxtyping import Float, Int8, Int64, Shaped

_MOMENTS = 12
_MIDDLES = (0.35, 0.425, 0.5, 0.575, 0.65)
_EVENLY = (np.arange(_MOMENTS) + 0.5) / _MOMENTS  # as shares of a stretch
_BENT = np.concatenate([np.interp(_EVENLY, [0, 0.5, 1], [0, middle, 1]) for middle in _MIDDLES])


def unlikeness(
    ours: Float[np.ndarray, "frame dim"],
    our_spans: Int64[np.ndarray, "pair 2"],
    theirs: Int8[np.ndarray, "row dim"],
    their_spans: Int64[np.ndarray, "pair 2"],
    *,
    scale: float,
) -> Float[np.ndarray, " pair"]:
    """Mean Euclidean distance of the moments of each pair of stretches, in the best of their times.

    Args:
        ours: of the query's frames.
        our_spans: first frame of each pair's stretch of it, and end.
        theirs: the same numbers of passages, each times `scale`.
        their_spans: first row of each pair's stretch of these, and end.
    """
    read = _read(theirs, their_spans, _EVENLY) / np.float32(scale)
    found = np.empty(len(read))
    begins, ends = our_spans.T
    for span in sorted(set(zip(begins.tolist(), ends.tolist(), strict=True))):  # but for windows all are one
        pairs = np.flatnonzero((begins == span[0]) & (ends == span[1]))
        bent = _read(ours, np.array([span]), _BENT).reshape(len(_MIDDLES), _MOMENTS, -1)
        apart = read[pairs, None] - bent
        squares = np.einsum("pmtd,pmtd->pmt", apart, apart)
        found[pairs] = np.sqrt(squares).mean(axis=2).min(axis=1)
    return found


def _read(
    rows: Shaped[np.ndarray, "row dim"], spans: Int64[np.ndarray, "pair 2"], times: Float[np.ndarray, " moment"]
) -> Float[np.ndarray, "pair moment dim"]:
    """Rows of each stretch at these shares of it, between two of them if need be."""
    first, last = spans[:, :1], spans[:, 1:] - 1
    places = first + times * (last - first)
    before = places.astype(np.int64)
    share = (places - before)[..., None].astype(np.float32)
    left, right = (rows[at].astype(np.float32) for at in (before, np.minimum(before + 1, last)))
    return left + share * (right - left)
