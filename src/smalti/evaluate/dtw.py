"""Dynamic time warping: how far two sequences of vectors are when time may stretch, one query against many items."""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

_TOGETHER = 128  # items of similar length compared at once


def dtw_distances(
    query: Float[Tensor, "frame dim"], items: Sequence[Float[Tensor, "_ dim"]]
) -> Float[np.ndarray, " item"]:
    """Cost of the cheapest path through Euclidean distances of frames, over the frames of both.

    A step along one sequence costs the distance once, a step along both twice: the symmetric pattern, whose paths all
    have the weight by which it is divided. An empty item is infinitely far.

    Source: Sakoe & Chiba 1978, symmetric form, P = 0.
    """
    found = np.full(len(items), np.inf)
    order = sorted((i for i in range(len(items)) if len(items[i])), key=lambda i: len(items[i]))
    for first in range(0, len(order) if len(query) else 0, _TOGETHER):
        chosen = order[first : first + _TOGETHER]
        found[chosen] = _together(query, [items[i] for i in chosen])
    return found


def _together(query: Tensor, items: Sequence[Tensor]) -> Float[np.ndarray, " item"]:
    """Row by row of the query. Within a row a path may go on along the item: the best beginning of that is a running
    minimum of what was reached, less the costs up to there."""
    lengths = np.array([len(item) for item in items])
    padded = torch.nn.utils.rnn.pad_sequence(list(items), batch_first=True)
    costs = torch.cdist(query.expand(len(items), -1, -1), padded).double().numpy()
    sums = np.cumsum(costs, axis=2)
    reached = sums[:, 0] + costs[:, 0, :1]  # both sequences begin at once, which counts twice
    for row in range(1, len(query)):
        cost = costs[:, row]
        best = reached + cost
        best[:, 1:] = np.minimum(best[:, 1:], reached[:, :-1] + 2 * cost[:, 1:])
        reached = np.minimum.accumulate(best - sums[:, row], axis=1) + sums[:, row]
    return reached[np.arange(len(items)), lengths - 1] / (lengths + len(query))
