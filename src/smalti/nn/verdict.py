"""What a judge of real and made things says: every discriminator gives a list of these, one per judge it holds."""

from typing import NamedTuple

from torch import Tensor


class Verdict(NamedTuple):
    """One judge's word; a tuple, because that is what the engine can cast back to full precision.

    Attributes:
        score: higher for what it takes for real; of any shape, batch first.
        features: what its layers heard on the way, the first layer first; batch first.
    """

    score: Tensor
    features: tuple[Tensor, ...]
