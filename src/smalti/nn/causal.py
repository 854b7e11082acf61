"""Causal layers that carry their past in the open: the same call serves a whole sound, a stream and an exported step.

Each layer takes what came before (None at the beginning, where that is silence) and gives back what the next call
needs. Blocks of any sizes one after another are thereby the whole: nothing is remembered within a layer.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from smalti.nn.convnext import KERNEL


class CausalConv1d(nn.Conv1d):
    """A convolution whose output k hears inputs up to its own, (k + 1)·stride - 1, and zeros before the beginning.

    Attributes:
        reach: inputs of the past that an output hears.
    """

    def __init__(
        self, channels: int, to: int, kernel: int, *, stride: int = 1, dilation: int = 1, groups: int = 1
    ) -> None:
        super().__init__(channels, to, kernel, stride=stride, dilation=dilation, groups=groups)
        self.reach = (kernel - 1) * dilation + 1 - stride

    def step(
        self, frames: Float[Tensor, "batch dim frame"], past: Float[Tensor, "batch dim reach"] | None = None
    ) -> tuple[Float[Tensor, "batch to shorter"], Float[Tensor, "batch dim reach"]]:
        """Outputs of a multiple of `stride` inputs, and the inputs that the next call needs."""
        if past is None:
            past = frames.new_zeros(len(frames), self.in_channels, self.reach)
        heard = torch.cat([past, frames], dim=2)
        return self(heard), heard[:, :, heard.shape[2] - self.reach :]


class CausalConvNeXtBlock(nn.Module):
    """x + gamma · pointwise(GELU(pointwise(norm(depthwise(x))))), hearing the past only.

    Source: as `smalti.nn.convnext.ConvNeXtBlock`. Differs: causal.
    """

    def __init__(self, width: int, hidden: int, *, scale: float) -> None:
        super().__init__()
        self.dwconv = CausalConv1d(width, width, KERNEL, groups=width)
        self.norm = nn.LayerNorm(width, eps=1e-6)
        self.pwconv1 = nn.Linear(width, hidden)
        self.pwconv2 = nn.Linear(hidden, width)
        self.gamma = nn.Parameter(torch.full((width,), scale))

    def step(
        self, frames: Float[Tensor, "batch dim frame"], past: Float[Tensor, "batch dim reach"] | None = None
    ) -> tuple[Float[Tensor, "batch dim frame"], Float[Tensor, "batch dim reach"]]:
        """As many frames as came in, and what the next call needs."""
        near, past = self.dwconv.step(frames, past)
        branch = self.pwconv2(functional.gelu(self.pwconv1(self.norm(near.mT))))
        return frames + (self.gamma * branch).mT, past
