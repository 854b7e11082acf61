"""The net of the residual codec: waveform ↔ latent frames, of any length, hearing both ways.

Source: Kumar et al. 2023 (DAC, arXiv:2306.06546), section 3.1; sizes and padding as published, weights plain (folded).
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn

from smalti.quantize.projected import ProjectedResidualQuantizer
from smalti.systems.dac.config import ModelConfig
from smalti.systems.dac.spectra import spectral_back, spectral_channels, spectral_front

_DILATIONS = (1, 3, 9)
_KERNEL = 7
_TINY = 1e-9


class DACNet(nn.Module):
    """Encoder, quantiser and decoder.

    Attributes:
        config: its sizes.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = Encoder(config)
        self.quantizer = ProjectedResidualQuantizer(
            dim=config.latent_width, codebooks=config.codebooks, vocab=config.vocab, code_dim=config.code_dim
        )
        self.decoder = Decoder(config)


class Snake(nn.Module):
    """x + sin²(αx) / (α + 10⁻⁹), α of each channel. Source: Ziyin et al. 2020 (arXiv:2006.08195)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.alpha = nn.Parameter(torch.ones(width, 1))

    def forward(self, steps: Float[Tensor, "batch dim step"]) -> Float[Tensor, "batch dim step"]:
        """As many steps as came in."""
        return torch.addcmul(steps, (self.alpha + _TINY).reciprocal(), (self.alpha * steps).sin().square())


class ResidualUnit(nn.Module):
    """x + near(snake(wide(snake(x)))), with a dilated convolution."""

    def __init__(self, width: int, *, dilation: int) -> None:
        super().__init__()
        padding = _KERNEL // 2 * dilation
        self.layers = nn.Sequential(
            Snake(width),
            nn.Conv1d(width, width, _KERNEL, dilation=dilation, padding=padding),
            Snake(width),
            nn.Conv1d(width, width, 1),
        )

    def forward(self, steps: Float[Tensor, "batch dim step"]) -> Float[Tensor, "batch dim step"]:
        """As many steps as came in."""
        return steps + self.layers(steps)


class Encoder(nn.Module):
    """Waveform to one latent frame each `hop` samples."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        width = config.encoder_width
        self.front = spectral_front(config.fold) if config.fold > 1 else nn.Sequential()
        heard = _channels(config.fold)
        self.stem = nn.Conv1d(heard, width, _KERNEL, padding=_KERNEL // 2)
        blocks: list[nn.Module] = []
        for stride in config.strides:
            units = [ResidualUnit(width, dilation=dilation) for dilation in _DILATIONS]
            down = nn.Conv1d(width, 2 * width, 2 * stride, stride=stride, padding=math.ceil(stride / 2))
            blocks.append(nn.Sequential(*units, Snake(width), down))
            width *= 2
        self.blocks = nn.Sequential(*blocks)
        self.last = nn.Sequential(Snake(width), nn.Conv1d(width, config.latent_width, 3, padding=1))

    def forward(self, samples: Float[Tensor, "batch sample"]) -> Float[Tensor, "batch latent frame"]:
        """Latent frames of waveforms whose length is a multiple of the hop."""
        return self.last(self.blocks(self.stem(self.front(samples[:, None]))))


class Decoder(nn.Module):
    """Latent frames to a waveform of `hop` samples each; an odd stride shortens it by as many samples as it strides."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        width = config.decoder_width
        self.stem = nn.Conv1d(config.latent_width, width, _KERNEL, padding=_KERNEL // 2)
        blocks: list[nn.Module] = []
        for stride in reversed(config.strides):
            up = nn.ConvTranspose1d(width, width // 2, 2 * stride, stride=stride, padding=math.ceil(stride / 2))
            width //= 2
            units = [ResidualUnit(width, dilation=dilation) for dilation in _DILATIONS]
            blocks.append(nn.Sequential(Snake(2 * width), up, *units))
        self.blocks = nn.Sequential(*blocks)
        last = nn.Conv1d(width, _channels(config.fold), _KERNEL, padding=_KERNEL // 2)
        back = spectral_back(config.fold) if config.fold > 1 else ()
        self.last = nn.Sequential(Snake(width), last, *back, nn.Tanh())

    def forward(self, latents: Float[Tensor, "batch latent frame"]) -> Float[Tensor, "batch sample"]:
        """A waveform within ±1."""
        steps = self.blocks(self.stem(latents))
        # samples need more digits than half precision has
        with torch.autocast(steps.device.type, enabled=False):
            return self.last(steps.float())[:, 0]


def _channels(fold: int) -> int:
    """Between the samples and the layers."""
    return spectral_channels(fold) if fold > 1 else 1
