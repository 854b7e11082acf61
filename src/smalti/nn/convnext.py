"""ConvNeXt blocks in one dimension: a wide depthwise look around, then a pointwise network per frame."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

KERNEL = 7


class ConvNeXtBlock(nn.Module):
    """x + gamma · pointwise(GELU(pointwise(norm(depthwise(x))))); zeros beyond the ends, as many frames as came in.

    Args:
        width: channels.
        hidden: channels between the pointwise layers.
        scale: gamma at first; small values let a deep stack begin as nearly nothing.
    Source: Liu et al. 2022 (ConvNeXt), in one dimension as in Siuzdak 2023 (Vocos).
    """

    def __init__(self, width: int, hidden: int, *, scale: float) -> None:
        super().__init__()
        self.dwconv = nn.Conv1d(width, width, KERNEL, padding=KERNEL // 2, groups=width)
        self.norm = nn.LayerNorm(width, eps=1e-6)
        self.pwconv1 = nn.Linear(width, hidden)
        self.act = nn.GELU()
        self.pwconv2 = nn.Linear(hidden, width)
        self.gamma = nn.Parameter(torch.full((width,), scale))

    def forward(self, frames: Float[Tensor, "batch dim frame"]) -> Float[Tensor, "batch dim frame"]:
        """Add what the branch says."""
        branch = self.pwconv2(self.act(self.pwconv1(self.norm(self.dwconv(frames).mT))))
        return frames + (self.gamma * branch).mT
