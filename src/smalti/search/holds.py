"""Frames that are held: at its ends a recording may repeat what was heard next to them, and says nothing there.

    believed of frames      a a a b c c d d        a tokenizer that does not listen to quiet ends names them
    sounding                    a b c c d          as the nearest frame that it heard

In a mean per frame they would make all strings likelier that stand beside much silence.
"""

import numpy as np
from jaxtyping import Int64, Shaped


def sounding(
    rows: Shaped[np.ndarray, "frame vocab"], counts: Int64[np.ndarray, " stretch"]
) -> Int64[np.ndarray, "stretch 2"]:
    """First row and end of stretches without the rows at their ends that only repeat their neighbour.

    One row is left of a stretch whose rows are all equal.

    Args:
        rows: of all stretches, one after another.
        counts: of each stretch.
    """
    ends = np.cumsum(counts)
    changes = np.flatnonzero((rows[1:] != rows[:-1]).any(axis=1))  # between a row and the next
    owner = np.searchsorted(ends, changes, side="right")
    inside = changes + 1 < ends[owner]  # else what follows is another stretch
    changes, owner = changes[inside], owner[inside]
    found = np.empty((len(counts), 2), np.int64)
    found[:, 0], found[:, 1] = ends - counts, ends - counts + (counts > 0)
    found[owner[::-1], 0], found[owner, 1] = changes[::-1], changes + 2
    return found


def sounding_alone(rows: Shaped[np.ndarray, "frame vocab"]) -> slice:
    """The same of one recording."""
    return slice(*sounding(rows, np.array([len(rows)]))[0].tolist())
