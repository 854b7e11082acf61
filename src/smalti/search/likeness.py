"""How unlike two recordings sound, whatever a tokenizer calls them.

Of a recording twelve moments are kept, evenly spread; a query is read at as many, five times: its middle may come
earlier or later. What counts is the time of these that fits best: a time warping of five paths, not of all.

    query      |----.----|----.----|      its middle where it is, or after 35, 42.5, 57.5 or 65 % of its time
    recording  |--.--|-------.-----|
"""

import numpy as np
from jaxtyping import Float

MOMENTS = 12
_MIDDLES = (0.35, 0.425, 0.5, 0.575, 0.65)
_EVENLY = (np.arange(MOMENTS) + 0.5) / MOMENTS  # as shares of a recording
_BENT = np.stack([np.interp(_EVENLY, [0, 0.5, 1], [0, middle, 1]) for middle in _MIDDLES])


def moments(frames: Float[np.ndarray, "frame dim"]) -> Float[np.ndarray, "moment dim"]:
    """Of a recording; zeros if it has no frame."""
    return _read(frames, _EVENLY) if len(frames) else np.zeros((MOMENTS, frames.shape[1]), np.float32)


def unlikeness(
    query: Float[np.ndarray, "frame dim"], recordings: Float[np.ndarray, "recording moment dim"]
) -> Float[np.ndarray, " recording"]:
    """Mean Euclidean distance of the moments of a query and of each of some recordings, in the best of its times.

    Args:
        query: numbers of its frames, at least one.
        recordings: the `moments` of each.
    """
    found, apart = np.full(len(recordings), np.inf), np.empty_like(recordings)
    for ours in _read(query, _BENT):
        np.subtract(recordings, ours, out=apart)  # no matrix product: equal recordings are to be equally far
        squares = np.einsum("rmd,rmd->rm", apart, apart)
        np.minimum(found, np.sqrt(squares).mean(axis=1), out=found)
    return found


def _read(frames: Float[np.ndarray, "frame dim"], times: Float[np.ndarray, "*time"]) -> Float[np.ndarray, "*time dim"]:
    """Frames at these shares of a recording, between two of them if need be."""
    last = len(frames) - 1
    places = times * last
    before = places.astype(np.int64)
    share = (places - before)[..., None].astype(np.float32)
    left, right = (frames[at].astype(np.float32) for at in (before, np.minimum(before + 1, last)))
    return left + share * (right - left)
