"""Where the items of a batch end: what lies behind is silence on both sides, and its frames do not count.

An item thereby weighs and scores the same however much padding follows it.
"""

import torch
from jaxtyping import Float, Int64
from torch import Tensor


def ended(
    samples: Float[Tensor, "batch sample"], lengths: Int64[Tensor, " batch"] | None
) -> Float[Tensor, "batch sample"]:
    """Silence behind the end of each item; for None they end with the batch."""
    return samples if lengths is None else samples * _before(lengths, samples.shape[1])


def mean_inside(
    differences: Float[Tensor, "batch row frame"], lengths: Int64[Tensor, " batch"] | None, *, hop: int
) -> Float[Tensor, ""]:
    """Mean over the frames whose middle, sample t · hop, lies within its item or at its end; 0 if there are none.

    Args:
        differences: of centred pictures, 1 + samples // hop frames; or with hop 1 of samples.
        lengths: samples of each item; None: all frames count.
        hop: samples from frame to frame.
    """
    if lengths is None:
        return differences.mean()
    frames = lengths if hop == 1 else lengths // hop + (lengths > 0)
    inside = _before(frames, differences.shape[2])[:, None]
    return (differences * inside).sum() / (inside.sum() * differences.shape[1]).clamp(min=1)


def _before(ends: Tensor, count: int) -> Tensor:
    return torch.arange(count, device=ends.device) < ends[:, None]
