"""One update of the weights, which a loss that is not finite never reaches."""

from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from smalti.train.engine import Engine


def update(
    loss: Tensor, *, parameters: Iterable[nn.Parameter], optimiser: Optimizer, engine: Engine, clip: float | None = None
) -> bool:
    """Backward, clip the gradient's norm, step; nothing changes if the loss or the norm is NaN or Inf.

    Args:
        loss: one number.
        parameters: those the optimiser steps.
        clip: largest norm of all gradients together; None leaves them.
    Returns:
        Whether the weights were changed. With several processes: in all of them or in none.
    """
    optimiser.zero_grad(set_to_none=True)
    if not engine.everywhere(bool(torch.isfinite(loss))):
        return False
    engine.backward(loss)
    norm = nn.utils.clip_grad_norm_(list(parameters), float("inf") if clip is None else clip)
    finite = engine.everywhere(bool(torch.isfinite(norm)))
    if finite:
        optimiser.step()
    optimiser.zero_grad(set_to_none=True)
    return finite


def set_rate(optimiser: Optimizer, rate: float) -> None:
    """Set the learning rate of all parameter groups."""
    for group in optimiser.param_groups:
        group["lr"] = rate
