"""How far around its own place a stack that lengthens its input listens, counted backwards from its output."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Reach:
    """Steps at either side of its own that an output depends on, at the rate of the input of the layers so far.

    Worked example: a transposed convolution (kernel 16, stride 8), then a convolution of kernel 7, is
    `Reach().behind(kernel=7).behind_up(kernel=16, stride=8)` = 1 input frame at either side.

    Attributes:
        steps: at the larger side.
    """

    steps: int = 0

    def behind(self, *, kernel: int, dilation: int = 1) -> "Reach":
        """With a centred convolution before."""
        return Reach(self.steps + kernel // 2 * dilation)

    def behind_up(self, *, kernel: int, stride: int) -> "Reach":
        """With a transposed convolution before, cut by (kernel - stride) // 2 outputs at its start."""
        cut = (kernel - stride) // 2
        return Reach(max((self.steps + kernel - 1 - cut) // stride, (self.steps + cut + stride - 1) // stride))
