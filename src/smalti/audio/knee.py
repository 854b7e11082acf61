"""Loud peaks bent to fit: what a model makes knows no full scale, a file does."""

import torch
from jaxtyping import Float
from torch import Tensor

KNEE = 0.9
"""Full scale is 1; up to here nothing changes."""


def within_full_scale(samples: Float[Tensor, "*rest"]) -> Float[Tensor, "*rest"]:
    """The same, with what lies beyond the knee bent towards ±1, which it never passes.

        y = x for |x| ≤ k, else sign(x) · (k + (1 - k) · tanh((|x| - k) / (1 - k)))

    It hears no past, so that a stream is the whole, and its slope is even everywhere: peaks do not crack as they do
    when they are cut off.
    """
    rest = 1 - KNEE
    beyond = KNEE + rest * torch.tanh((samples.abs() - KNEE) / rest)
    return torch.where(samples.abs() <= KNEE, samples, samples.sign() * beyond)
