"""The judge of pictures: whether each patch of one could be real."""

from jaxtyping import Float
from torch import Tensor, nn

from smalti.core import ParameterError
from smalti.nn.verdict import Verdict

_KERNEL, _HALVINGS = 4, 3
_GROUPS = 8
_DEVIATION = 0.02
LEAST_CELLS = 24
"""Bands and frames that a picture needs at least for one patch to be judged."""


class PatchDiscriminator(nn.Module):
    """Five convolutions over a picture; a score for every patch of 70 × 70 cells.

    Source: Isola et al. 2017 (pix2pix), section 6.1.1, as in SpecVQGAN. Differs: GroupNorm in place of batch norm, so
    that an item is judged alike in any company, and real and made ones can be judged in one pass.
    """

    def __init__(self, *, channels: int = 1, width: int = 64) -> None:
        """Build the layers.

        Args:
            channels: of a picture: itself, and what else the judge is shown of it.
            width: of the first layer; the others are 2, 4 and 8 times as wide.
        Raises:
            ParameterError: if the width does not fall into groups.
        """
        super().__init__()
        if width % (_GROUPS // 2):
            raise ParameterError(f"width {width} is no multiple of {_GROUPS // 2}; choose one")
        widths = [width * 2**level for level in range(_HALVINGS + 1)]
        layers = [nn.Sequential(_convolution(channels, width, stride=2), nn.LeakyReLU(0.2))]
        for level in range(1, len(widths)):
            stride = 2 if level < _HALVINGS else 1
            before, after = widths[level - 1], widths[level]
            layers.append(
                nn.Sequential(
                    _convolution(before, after, stride=stride), nn.GroupNorm(_GROUPS, after), nn.LeakyReLU(0.2)
                )
            )
        self.layers = nn.ModuleList(layers)
        self.last = _convolution(widths[-1], 1, stride=1)

    def forward(self, pictures: Float[Tensor, "batch channel band frame"]) -> list[Verdict]:
        """One judge's verdict."""
        features: list[Tensor] = []
        heard = pictures
        for layer in self.layers:
            heard = layer(heard)
            features.append(heard)
        return [Verdict(self.last(heard), tuple(features))]


def _convolution(before: int, after: int, *, stride: int) -> nn.Conv2d:
    layer = nn.Conv2d(before, after, _KERNEL, stride=stride, padding=1)
    nn.init.normal_(layer.weight, 0.0, _DEVIATION)
    return layer
