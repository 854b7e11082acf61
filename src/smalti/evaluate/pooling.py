"""One vector of a recording's frames, however many they are."""

from typing import Literal, get_args

import torch
from jaxtyping import Float
from torch import Tensor

Pool = Literal["mean+std", "mean", "max", "mean+max"]
POOLS: tuple[Pool, ...] = get_args(Pool)


def pooled(frames: Float[Tensor, "frame dim"], how: Pool = "mean+std") -> Float[Tensor, " pooled"]:
    """Statistics over the frames of each number, one after the other: the mean, and the deviation or the maximum.

    Args:
        frames: one at least.
        how: "mean+std" and "mean+max" are twice as wide as a frame.
    """
    statistics = {
        "mean": lambda: frames.mean(0),
        "std": lambda: frames.std(0, unbiased=False),
        "max": lambda: frames.amax(0),
    }
    return torch.cat([statistics[name]() for name in how.split("+")])
