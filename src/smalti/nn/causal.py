"""Causal layers that carry their past in the open: the same call serves a whole sound, a stream and an exported step.

Each layer takes what came before (None at the beginning, where that is silence) and gives back what the next call
needs. Blocks of any sizes one after another are thereby the whole: nothing is remembered within a layer.

On a CPU frames lie in memory one after the other, each with its channels together, whatever the order of the axes
says: convolutions of that layout are about twice as fast as those of the other, and what follows rows needs no copy.
"""

from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from smalti.nn.convnext import KERNEL


@runtime_checkable
class Stepping(Protocol):
    """A layer with an open past."""

    def step(self, frames: Tensor, past: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """What it makes of the next frames, and what the next call needs."""
        ...


class CausalConv1d(nn.Conv1d):
    """A convolution whose output k hears inputs up to its own, (k + 1)·stride - 1, and zeros before the beginning.

    Attributes:
        reach: inputs of the past that an output hears.
        elu: whether it hears the ELU of its inputs.
    """

    def __init__(
        self,
        channels: int,
        to: int,
        kernel: int,
        *,
        stride: int = 1,
        dilation: int = 1,
        groups: int = 1,
        elu: bool = False,
    ) -> None:
        super().__init__(channels, to, kernel, stride=stride, dilation=dilation, groups=groups)
        self.reach = (kernel - 1) * dilation + 1 - stride
        self.elu = elu

    def step(
        self, frames: Float[Tensor, "batch dim frame"], past: Float[Tensor, "batch dim reach"] | None = None
    ) -> tuple[Float[Tensor, "batch to shorter"], Float[Tensor, "batch dim reach"]]:
        """Outputs of a multiple of `stride` inputs, and the inputs that the next call needs."""
        heard, past = _heard(frames, past, self.reach, elu=self.elu)
        return (self._by_rows(heard) if _rows_are_faster(heard) else self(heard)), past

    def _by_rows(self, heard: Tensor) -> Tensor:
        """As `forward`."""
        kernel, stride = self.kernel_size[0], self.stride[0]
        if self.in_channels == 1 and self.dilation[0] == 1:
            return functional.linear(heard[:, 0].unfold(1, kernel, stride), self.weight[:, 0], self.bias).mT
        if (kernel, stride, self.groups) == (1, 1, 1):
            return functional.linear(heard.mT, self.weight[:, :, 0], self.bias).mT
        flat, weight, spread = heard[:, :, None], self.weight[:, :, None], (1, self.dilation[0])
        return functional.conv2d(flat, weight, self.bias, (1, stride), 0, spread, self.groups)[:, :, 0]


class CausalConvTranspose1d(nn.ConvTranspose1d):
    """The reverse of a strided convolution: `stride` outputs for each input, which hear it and the one before.

    The kernel is two strides long, so that a whole transposed convolution sounds one stride on; that is cut off.

    Attributes:
        elu: whether it hears the ELU of its inputs.
    """

    def __init__(self, channels: int, to: int, *, stride: int, elu: bool = False) -> None:
        super().__init__(channels, to, 2 * stride, stride=stride)
        self.elu = elu

    def step(
        self, frames: Float[Tensor, "batch dim frame"], past: Float[Tensor, "batch dim 1"] | None = None
    ) -> tuple[Float[Tensor, "batch to longer"], Float[Tensor, "batch dim 1"]]:
        """Outputs of the inputs, and the last of these."""
        heard, past = _heard(frames, past, 1, elu=self.elu)
        if _rows_are_faster(heard) and heard.shape[2] > 4 * self.in_channels:
            return self._by_rows(heard), past
        stride = self.stride[0]
        return self(heard)[:, :, stride : heard.shape[2] * stride], past

    def _by_rows(self, heard: Tensor) -> Tensor:
        """As a convolution over two inputs that gives all outputs of the second at once.

        To arrange its kernel costs more than it brings where inputs are few.
        """
        stride = self.stride[0]
        halves = self.weight.unflatten(2, (2, stride)).flip(2)  # of the input before, of the input itself
        kernel = halves.permute(3, 1, 0, 2).flatten(0, 1)[:, :, None]
        bias = None if self.bias is None else self.bias.repeat(stride)
        together = functional.conv2d(heard[:, :, None], kernel, bias)[:, :, 0]
        return together.mT.reshape(len(heard), -1, self.out_channels).mT


class CausalResidual(nn.Module):
    """shortcut(x) + mix(ELU(near(ELU(x)))): a short convolution to half the width and a pointwise one back.

    Source: Défossez et al. 2022 (EnCodec, arXiv:2210.13438), section 3.1.
    """

    def __init__(self, width: int, kernel: int) -> None:
        super().__init__()
        self.near = CausalConv1d(width, width // 2, kernel, elu=True)
        self.mix = CausalConv1d(width // 2, width, 1)
        self.shortcut = CausalConv1d(width, width, 1)

    def step(
        self, frames: Float[Tensor, "batch dim frame"], past: Float[Tensor, "batch dim reach"] | None = None
    ) -> tuple[Float[Tensor, "batch dim frame"], Float[Tensor, "batch dim reach"]]:
        """As many frames as came in, and what the next call needs."""
        near, past = self.near.step(frames, past)
        near = functional.elu(near, inplace=True)
        return self.shortcut.step(frames)[0].add_(self.mix.step(near)[0]), past


class CausalLSTM(nn.LSTM):
    """x + LSTM(x). Its past is its state: of every layer what it put out last, and its cells."""

    def __init__(self, width: int, layers: int) -> None:
        super().__init__(width, width, layers)

    def step(
        self, frames: Float[Tensor, "batch dim frame"], past: Float[Tensor, "2 layer batch dim"] | None = None
    ) -> tuple[Float[Tensor, "batch dim frame"], Float[Tensor, "2 layer batch dim"]]:
        """As many frames as came in, and the state behind them."""
        state = None if past is None else (past[0], past[1])
        out, state = self(frames.permute(2, 0, 1), state)
        return frames + out.permute(1, 2, 0), torch.stack(state)


def _heard(frames: Tensor, past: Tensor | None, reach: int, *, elu: bool) -> tuple[Tensor, Tensor]:
    """What a convolution hears of past and present, and what is past at the next call, without holding the rest."""
    if past is None:
        past = frames.new_zeros(*frames.shape[:2], reach)
    if reach == 0 and not elu:
        return frames, past
    heard = torch.cat([past.mT, frames.mT], dim=1)
    past = heard[:, heard.shape[1] - reach :].mT.clone()
    return (functional.elu(heard, inplace=True) if elu else heard).mT, past


def _rows_are_faster(heard: Tensor) -> bool:
    return heard.device.type == "cpu" and not torch.compiler.is_compiling()


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
