"""Muon for a network's inner matrices, AdamW for all else: in short runs several times quicker than AdamW alone.

AdamW moves a matrix by about as much in every entry, whatever the others do; along the few directions that dominate
its gradient it then goes too far, along all others not at all. Muon moves it by as much in every direction.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.adamw import adamw

_SLOPES = (3.4445, -4.7750, 2.0315)
_LIKE_ADAMW = 0.2  # root mean square of AdamW's steps, in its rate


class Muon(Optimizer):
    """Momentum made orthogonal for matrices; AdamW, decoupled decay included, for the other weights.

    Source: Jordan et al. 2024 (Muon: an optimizer for hidden layers), with the step size of Liu et al. 2025
    (arXiv:2502.16982), by which both halves can share a learning rate.
    """

    def __init__(
        self,
        matrices: Iterable[nn.Parameter],
        weights: Iterable[nn.Parameter],
        *,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.98),
        weight_decay: float = 0.01,
        matrix_rate: float = 1.0,
        momentum: float = 0.95,
    ) -> None:
        """Nothing is stepped yet.

        Args:
            matrices: weights inside the network; of more than two axes, as of convolutions, the later ones are taken
                together. Not those that read its input or give its output.
            weights: the others; those that are among the matrices as well are not taken twice.
            lr: learning rate.
            betas: of AdamW.
            weight_decay: per unit of learning rate.
            matrix_rate: learning rate of the matrices, in `lr`.
            momentum: of the matrices (Nesterov's).
        """
        defaults = {"lr": lr, "betas": betas, "weight_decay": weight_decay, "momentum": momentum, "rate": 0.0}
        inner = list(matrices)
        known = {id(weight) for weight in inner}
        others = [weight for weight in weights if id(weight) not in known]
        groups = [{"params": inner, "rate": matrix_rate}, {"params": others}]
        super().__init__([group for group in groups if group["params"]], defaults)

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # pyright: ignore[reportIncompatibleMethodOverride]
        """One update of everything that has a gradient; gives what `closure` gave, if there is one."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            weights = [weight for weight in group["params"] if weight.grad is not None]
            (self._turn if group["rate"] else self._adapt)(weights, group)
        return loss

    def _turn(self, weights: list[nn.Parameter], group: dict[str, Any]) -> None:
        """Matrices of one shape are made orthogonal together."""
        alike: defaultdict[torch.Size, list[nn.Parameter]] = defaultdict(list)
        for weight in weights:
            alike[weight.shape].append(weight)
        for shape, members in alike.items():
            ahead = torch.stack([self._ahead(weight, group["momentum"]).flatten(1) for weight in members])
            size = group["lr"] * group["rate"] * _LIKE_ADAMW * max(ahead.shape[1:]) ** 0.5
            for weight, direction in zip(members, orthogonal(ahead).unflatten(2, shape[1:]), strict=True):
                weight.mul_(1 - group["lr"] * group["rate"] * group["weight_decay"])
                weight.add_(direction, alpha=-size)

    def _ahead(self, weight: nn.Parameter, momentum: float) -> Tensor:
        """The gradient as it is expected to be after the step."""
        state, gradient = self.state[weight], weight.grad
        assert gradient is not None
        if not state:
            state["momentum"] = torch.zeros_like(weight)
        state["momentum"].lerp_(gradient, 1 - momentum)
        return gradient.lerp(state["momentum"], momentum)

    def _adapt(self, weights: list[nn.Parameter], group: dict[str, Any]) -> None:
        for weight in weights:
            if not self.state[weight]:
                zeros = {name: torch.zeros_like(weight) for name in ("mean", "square")}
                self.state[weight].update(zeros, step=torch.zeros((), device=weight.device))
        states = [self.state[weight] for weight in weights]
        adamw(
            [*weights],
            [weight.grad for weight in weights if weight.grad is not None],
            [state["mean"] for state in states],
            [state["square"] for state in states],
            [],
            [state["step"] for state in states],
            fused=True,
            amsgrad=False,
            beta1=group["betas"][0],
            beta2=group["betas"][1],
            lr=group["lr"],
            weight_decay=group["weight_decay"],
            eps=1e-8,
            maximize=False,
        )


def orthogonal(
    matrices: Float[Tensor, "batch row column"], *, iterations: int = 5
) -> Float[Tensor, "batch row column"]:
    """Matrices of the same singular vectors whose singular values are all about 1 (0.7…1.2); zeros stay zeros.

    Newton-Schulz iterations of an odd polynomial: X ← a X + b (X Xᵀ) X + c (X Xᵀ)² X, in bfloat16.
    """
    wide = matrices if matrices.shape[1] <= matrices.shape[2] else matrices.mT
    found = (wide / wide.norm(dim=(1, 2), keepdim=True).clamp(min=1e-12)).bfloat16()
    a, b, c = _SLOPES
    for _ in range(iterations):
        square = found @ found.mT
        found = a * found + (b * square + c * (square @ square)) @ found
    return (found if wide is matrices else found.mT).to(matrices.dtype)
