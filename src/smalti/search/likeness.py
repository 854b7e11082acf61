"""How unlike two recordings sound, whatever a tokenizer calls them.

Of a recording twelve moments are kept, evenly spread; a query is read at as many, five times: its middle may come
earlier or later. What counts is the time of these that fits best: a time warping of five paths, not of all.

    query      |----.----|----.----|      its middle where it is, or after 35, 42.5, 57.5 or 65 % of its time
    recording  |--.--|-------.-----|

Numbers are bytes, thirty-seconds of a deviation, from -4 to 4: their sums of products are whole, and exact in whatever
order a matrix product adds them, so that equal recordings are equally far.
"""

import numpy as np
from jaxtyping import Float, Int8

MOMENTS = 12
_SCALE = 32  # of a byte to a deviation
_EXACT = 512  # numbers of a moment whose squared distance a float of 24 bits holds
_MIDDLES = (0.35, 0.425, 0.5, 0.575, 0.65)
_EVENLY = (np.arange(MOMENTS) + 0.5) / MOMENTS  # as shares of a recording
_BENT = np.stack([np.interp(_EVENLY, [0, 0.5, 1], [0, middle, 1]) for middle in _MIDDLES])


def moments(frames: Float[np.ndarray, "frame dim"]) -> Int8[np.ndarray, "moment dim"]:
    """Of a recording; zeros if it has no frame."""
    return _read(frames, _EVENLY) if len(frames) else np.zeros((MOMENTS, frames.shape[1]), np.int8)


def unlikeness(
    query: Float[np.ndarray, "frame dim"], recordings: Int8[np.ndarray, "recording moment dim"]
) -> Float[np.ndarray, " recording"]:
    """Mean Euclidean distance of the moments of a query and of each of some recordings, in the best of its times.

    Args:
        query: numbers of its frames, of deviation 1; at least one frame.
        recordings: the `moments` of each.
    """
    kind = np.float32 if query.shape[1] <= _EXACT else np.float64
    ours = _read(query, _BENT).astype(kind).transpose(1, 2, 0)  # moment dim time
    theirs = recordings.astype(kind).transpose(1, 0, 2)  # moment recording dim
    squares = np.matmul(theirs, ours)
    squares *= -2
    squares += np.einsum("mrd,mrd->mr", theirs, theirs)[:, :, None]
    squares += np.einsum("mdt,mdt->mt", ours, ours)[:, None]
    return np.sqrt(squares, out=squares).sum(axis=0).min(axis=1) / (MOMENTS * _SCALE)


def _read(frames: Float[np.ndarray, "frame dim"], times: Float[np.ndarray, "*time"]) -> Int8[np.ndarray, "*time dim"]:
    """Frames at these shares of a recording, between two of them if need be."""
    last = len(frames) - 1
    places = times * last
    before = places.astype(np.int64)
    share = (places - before)[..., None].astype(np.float32)
    left, right = (frames[at].astype(np.float32) for at in (before, np.minimum(before + 1, last)))
    return np.clip(np.round((left + share * (right - left)) * _SCALE), -128, 127).astype(np.int8)
