"""MelGAN's generator, layer for layer under the published names, so that a published file fits.

Source: Kumar et al. 2019 (MelGAN, arXiv:1910.06711), with the sizes of SpecVQGAN (Iashin & Rahtu 2021): 4.27 M.
"""

import math
from collections.abc import Iterator

from jaxtyping import Float
from torch import Tensor, nn

from smalti.core import ParameterError
from smalti.features import MelSettings, natural_log
from smalti.nn.reach import Reach
from smalti.systems.vocoder.config import MelGANNetConfig

_EDGE = 7
_KERNEL = 3
_SLOPE = 0.2


class MelGANNet(nn.Module):
    """Pictures to waveforms.

    Attributes:
        context: frames at either side of a sample's own that it depends on.
    """

    def __init__(self, config: MelGANNetConfig, picture: MelSettings) -> None:
        """Build the layers.

        Raises:
            ParameterError: if the ratios do not make up the picture's hop.
        """
        super().__init__()
        made = math.prod(config.ratios)
        if made != picture.hop:
            raise ParameterError(
                f"ratios {list(config.ratios)} make {made} samples of a frame, the picture's hop is {picture.hop}; "
                "choose others (model.net.ratios)"
            )
        self._reads, self._picture = config.reads, picture
        self.model = nn.Sequential(*_layers(config, picture.bands))
        self.context = _context(config)

    def forward(self, frames: Float[Tensor, "batch band frame"]) -> Float[Tensor, "batch sample"]:
        """hop samples a frame."""
        read = natural_log(frames, self._picture) if self._reads == "natural" else frames
        return self.model(read).squeeze(1)


class ResidualBlock(nn.Module):
    """shortcut(x) + two convolutions, the first dilated; published names."""

    def __init__(self, width: int, dilation: int) -> None:
        super().__init__()
        self.block = nn.Sequential(
            nn.LeakyReLU(_SLOPE),
            nn.ReflectionPad1d(dilation),
            nn.Conv1d(width, width, _KERNEL, dilation=dilation),
            nn.LeakyReLU(_SLOPE),
            nn.Conv1d(width, width, 1),
        )
        self.shortcut = nn.Conv1d(width, width, 1)

    def forward(self, steps: Float[Tensor, "batch dim step"]) -> Float[Tensor, "batch dim step"]:
        """As many steps as came in."""
        return self.shortcut(steps) + self.block(steps)


def _layers(config: MelGANNetConfig, bands: int) -> Iterator[nn.Module]:
    width = config.width * 2 ** len(config.ratios)
    yield from (nn.ReflectionPad1d(_EDGE // 2), nn.Conv1d(bands, width, _EDGE))
    for ratio in config.ratios:
        yield nn.LeakyReLU(_SLOPE)
        odd = ratio % 2
        yield nn.ConvTranspose1d(
            width, width // 2, 2 * ratio, stride=ratio, padding=ratio // 2 + odd, output_padding=odd
        )
        width //= 2
        yield from (ResidualBlock(width, _KERNEL**depth) for depth in range(config.blocks))
    yield from (nn.LeakyReLU(_SLOPE), nn.ReflectionPad1d(_EDGE // 2), nn.Conv1d(width, 1, _EDGE), nn.Tanh())


def _context(config: MelGANNetConfig) -> int:
    heard = Reach().behind(kernel=_EDGE)
    for ratio in reversed(config.ratios):
        for depth in range(config.blocks):
            heard = heard.behind(kernel=_KERNEL, dilation=_KERNEL**depth)
        heard = heard.behind_up(kernel=2 * ratio, stride=ratio)
    return heard.behind(kernel=_EDGE).steps + 1  # odd ratios are cut by one more
