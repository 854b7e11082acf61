"""How unlike two recordings sound, whatever a tokenizer calls them.

Both are read at twelve moments, evenly spread, and the query five times: its middle may come earlier or later. What
counts is the time of these that fits best: a time warping of five paths, not of all.

    query      |----.----|----.----|      its middle where it is, or after 35, 42.5, 57.5 or 65 % of its time
    passage    |--.--|-------.-----|
"""

import numpy as np
from jaxtyping import Float, Int8, Int64, Shaped

_MOMENTS = 12
_MIDDLES = (0.35, 0.425, 0.5, 0.575, 0.65)
_EVENLY = (np.arange(_MOMENTS) + 0.5) / _MOMENTS  # as shares of a recording
_BENT = np.concatenate([np.interp(_EVENLY, [0, 0.5, 1], [0, middle, 1]) for middle in _MIDDLES])


def unlikeness(
    query: Float[np.ndarray, "frame dim"],
    rows: Int8[np.ndarray, "row dim"],
    spans: Int64[np.ndarray, "passage 2"],
    *,
    scale: float,
) -> Float[np.ndarray, " passage"]:
    """Mean Euclidean distance of the moments of a query and of each of some passages, in the best of its times.

    Args:
        query: numbers of its frames, at least one.
        rows: the same of passages, each times `scale`.
        spans: first row of each passage, and end.
    """
    bent = _read(query, np.array([[0, len(query)]]), _BENT).reshape(len(_MIDDLES), _MOMENTS, -1)
    apart = _read(rows, spans, _EVENLY)[:, None] / np.float32(scale) - bent
    squares = np.einsum("pmtd,pmtd->pmt", apart, apart)
    return np.sqrt(squares).mean(axis=2).min(axis=1)


def _read(
    rows: Shaped[np.ndarray, "row dim"], spans: Int64[np.ndarray, "passage 2"], times: Float[np.ndarray, " moment"]
) -> Float[np.ndarray, "passage moment dim"]:
    """Rows of each passage at these shares of it, between two of them if need be."""
    first, last = spans[:, :1], spans[:, 1:] - 1
    places = first + times * (last - first)
    before = places.astype(np.int64)
    share = (places - before)[..., None].astype(np.float32)
    left, right = (rows[at].astype(np.float32) for at in (before, np.minimum(before + 1, last)))
    return left + share * (right - left)
