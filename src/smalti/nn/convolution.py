"""Valid convolutions and the arithmetic of what they see.

Nothing here pads. A codec extends its input by its receptive field (with its neighbours, or with silence beyond the
ends), and so batch, length and block size cannot change a token.
"""

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor, nn


@dataclass(frozen=True, slots=True)
class ReceptiveField:
    """What one output frame of a stack of valid convolutions sees.

    Worked example: kernel 4 stride 2, then kernel 3, is
    `ReceptiveField().then(kernel=4, stride=2).then(kernel=3)` = 8 input frames, one output every 2.

    Attributes:
        frames: input frames that one output frame sees.
        stride: input frames from one output frame to the next.
    """

    frames: int = 1
    stride: int = 1

    def then(self, *, kernel: int, stride: int = 1, dilation: int = 1) -> "ReceptiveField":
        """The field after one more layer."""
        return ReceptiveField(self.frames + (kernel - 1) * dilation * self.stride, self.stride * stride)

    @property
    def left(self) -> int:
        """Input frames before an output frame's own `stride` frames."""
        return (self.frames - self.stride) // 2

    @property
    def right(self) -> int:
        """Input frames behind them."""
        return self.frames - self.stride - self.left


@dataclass(frozen=True, slots=True)
class Spread:
    """How a stack of valid convolutions and upsamplings lengthens n input frames: to n·factor - lost.

    Attributes:
        factor: output frames per input frame.
        lost: output frames missing because nothing is padded; as many at either end for odd kernels.
    """

    factor: int = 1
    lost: int = 0

    def then(self, *, kernel: int = 1, up: int = 1, dilation: int = 1) -> "Spread":
        """The spread after one more layer: a convolution, then an upsampling."""
        return Spread(self.factor * up, (self.lost + (kernel - 1) * dilation) * up)

    @property
    def context(self) -> int:
        """Input frames needed at either side of those whose output is wanted."""
        return -(-self.lost // (2 * self.factor))


class ResidualConvolution(nn.Module):
    """x cropped + pointwise(act(convolution(act(x)))); `kernel - 1` frames shorter (times the dilation)."""

    def __init__(self, width: int, *, kernel: int = 3, dilation: int = 1) -> None:
        super().__init__()
        self.convolution = nn.Conv1d(width, width, kernel, dilation=dilation)
        self.pointwise = nn.Conv1d(width, width, 1)
        self.act = nn.SiLU()

    def forward(self, frames: Float[Tensor, "batch dim frame"]) -> Float[Tensor, "batch dim shorter"]:
        """Add what the branch says to the middle of the frames."""
        branch = self.pointwise(self.act(self.convolution(self.act(frames))))
        return middle(frames, branch.shape[2]) + branch


class Upsample(nn.Module):
    """`factor` output frames from each input frame, by a pointwise layer; a transposed convolution without overlap."""

    def __init__(self, width: int, to: int, *, factor: int) -> None:
        super().__init__()
        self.factor = factor
        self.pointwise = nn.Conv1d(width, to * factor, 1)

    def forward(self, frames: Float[Tensor, "batch dim frame"]) -> Float[Tensor, "batch to longer"]:
        """Channel c·factor + i becomes frame i of channel c."""
        return self.pointwise(frames).unflatten(1, (-1, self.factor)).transpose(2, 3).flatten(2)


def middle(frames: Float[Tensor, "batch dim frame"], count: int) -> Float[Tensor, "batch dim shorter"]:
    """The middle `count` frames; of an odd surplus the larger part is cut from the end."""
    first = (frames.shape[2] - count) // 2
    return frames[:, :, first : first + count]
