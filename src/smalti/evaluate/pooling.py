"""One vector of a recording's frames, however many they are."""

from typing import Literal, get_args

import torch
from jaxtyping import Float
from torch import Tensor

from smalti.core import ParameterError
from smalti.evaluate.movement import Directions, areas, covariances

OwnPool = Literal["mean+std", "mean", "max", "mean+max"]
"""Of a recording alone."""
Pool = Literal[OwnPool, "mean+std+movement"]
"""The last one needs directions that are learnt from other recordings."""
POOLS: tuple[Pool, ...] = get_args(Pool)
MOVEMENT = "movement"


def pooled(
    frames: Float[Tensor, "frame dim"], how: Pool = "mean+std", directions: Directions | None = None
) -> Float[Tensor, " pooled"]:
    """Statistics over the frames of each number, one after the other: the mean, and the deviation or the maximum.

    Args:
        frames: one at least.
        how: "mean+std" and "mean+max" are twice as wide as a frame; with "movement" covariances and areas follow, at
            most 400 numbers.
        directions: along which they are taken.
    Raises:
        ParameterError: for "movement" without directions.
    """
    statistics = {
        "mean": lambda: frames.mean(0),
        "std": lambda: frames.std(0, unbiased=False),
        "max": lambda: frames.amax(0),
        MOVEMENT: lambda: _movement(frames, directions),
    }
    return torch.cat([statistics[name]() for name in how.split("+")])


def _movement(frames: Float[Tensor, "frame dim"], directions: Directions | None) -> Float[Tensor, " pair"]:
    if directions is None:
        raise ParameterError("found movement to be pooled without directions, wanted some; learn them from recordings")
    places = directions.places(frames)
    return torch.cat([covariances(places), areas(places)])
