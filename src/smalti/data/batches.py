"""Which clips and which part of them a step sees: pure functions of (seed, step), so nothing has to be remembered.

A resumed run, another number of readers or a step looked at twice gives the same batch.
"""

from functools import lru_cache

import torch
from jaxtyping import Int64
from torch import Tensor

from smalti.config import mix
from smalti.core import ParameterError

__all__ = ["choose_clips", "choose_starts", "mix", "step_generator"]

_ORDER, _CROP = 1, 2  # so that order and crops of one step are independent


def step_generator(seed: int, step: int) -> torch.Generator:
    """A fresh generator whose stream depends on (seed, step) only."""
    return torch.Generator().manual_seed(mix(seed, step))


def choose_clips(seed: int, step: int, *, batch: int, clips: int) -> Int64[Tensor, " batch"]:
    """Rows of the clips of a step: every clip once per epoch, in an order shuffled anew for each.

    With 5 clips and batches of 3, steps 0 and 1 hold the whole first epoch and one clip of the second.

    Raises:
        ParameterError: if there are no clips.
    """
    if clips < 1:
        raise ParameterError("found no clips to train on, wanted at least one; give a manifest that has some")
    places = torch.arange(step * batch, (step + 1) * batch)
    epochs, rows = places // clips, places % clips
    return torch.stack([_order(seed, int(epoch), clips)[row] for epoch, row in zip(epochs, rows, strict=True)])


def choose_starts(seed: int, step: int, *, lengths: Int64[Tensor, " batch"], crop: int) -> Int64[Tensor, " batch"]:
    """Where each clip's crop begins, evenly over 0…length-crop; 0 for clips that are not longer than the crop."""
    generator = torch.Generator().manual_seed(mix(seed, step, _CROP))
    position = torch.rand(lengths.shape, generator=generator, dtype=torch.float64)
    return (position * (lengths.cpu() - crop + 1).clamp(min=1)).long()


@lru_cache(maxsize=2)
def _order(seed: int, epoch: int, clips: int) -> Int64[Tensor, " clips"]:
    return torch.randperm(clips, generator=torch.Generator().manual_seed(mix(seed, epoch, _ORDER)))
