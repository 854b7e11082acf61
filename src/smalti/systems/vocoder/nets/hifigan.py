"""HiFi-GAN's generator, and BigVGAN's, which is the same with periodic activations; published names within.

Source: Kong et al. 2020 (HiFi-GAN, arXiv:2010.05646); Lee et al. 2023 (BigVGAN, arXiv:2206.04658).
"""

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from smalti.core import ParameterError
from smalti.features import MelSettings, natural_log
from smalti.nn.periodic import REACH, AntiAliased, Snake
from smalti.nn.reach import Reach
from smalti.systems.vocoder.config import HiFiGANNetConfig

_EDGE = 7
_SLOPE = 0.1
_WIDEST = 81


class HiFiGANNet(nn.Module):
    """Pictures to waveforms; samples lie within ±1.

    Attributes:
        context: frames at either side of a sample's own that it depends on.
    """

    def __init__(self, config: HiFiGANNetConfig, picture: MelSettings) -> None:
        """Build the layers.

        Raises:
            ParameterError: if the ratios do not make up the picture's hop, or dilations do not fit the kernels.
        """
        super().__init__()
        _refuse_misfits(config, picture)
        self._config, self._picture = config, picture
        self.conv_pre = nn.Conv1d(picture.bands, config.width, _EDGE, padding=_EDGE // 2)
        widths = [config.width // 2**stage for stage in range(len(config.ratios) + 1)]
        self.ups = nn.ModuleList(
            nn.ConvTranspose1d(before, after, 2 * ratio, stride=ratio, padding=ratio // 2, output_padding=ratio % 2)
            for before, after, ratio in zip(widths[:-1], widths[1:], config.ratios, strict=True)
        )
        self.resblocks = nn.ModuleList(
            _Residual(config, width, kernel, dilations)
            for width in widths[1:]
            for kernel, dilations in zip(config.kernels, config.dilations, strict=True)
        )
        self.activation_post = _activation(config.activation, widths[-1], slope=0.01)
        self.conv_post = nn.Conv1d(widths[-1], 1, _EDGE, padding=_EDGE // 2, bias=config.final_bias)
        self.context = _context(config)

    def forward(self, frames: Float[Tensor, "batch band frame"]) -> Float[Tensor, "batch sample"]:
        """hop samples a frame."""
        read = natural_log(frames, self._picture) if self._config.reads == "natural" else frames
        steps, kernels = self.conv_pre(read), len(self._config.kernels)
        for stage, up in enumerate(self.ups):
            # the periodic kind bends only within its blocks
            bent = functional.leaky_relu(steps, _SLOPE) if self._config.activation == "leaky" else steps
            steps = up(bent)
            blocks = self.resblocks[stage * kernels : (stage + 1) * kernels]
            steps = torch.stack([block(steps) for block in blocks]).mean(dim=0)
        sound = self.conv_post(self.activation_post(steps)).squeeze(1)
        return sound.tanh() if self._config.final == "tanh" else sound.clamp(-1, 1)


class _Residual(nn.Module):
    """A dilated convolution after another, each with a way around."""

    def __init__(self, config: HiFiGANNetConfig, width: int, kernel: int, dilations: Sequence[int]) -> None:
        super().__init__()
        self._paired = config.paired
        first = [_same(width, kernel, dilation) for dilation in dilations]
        if config.paired:
            self.convs1 = nn.ModuleList(first)
            self.convs2 = nn.ModuleList(_same(width, kernel, 1) for _ in dilations)
        else:
            self.convs = nn.ModuleList(first)
        count = len(dilations) * (2 if config.paired else 1)
        self.activations = nn.ModuleList(_activation(config.activation, width, slope=_SLOPE) for _ in range(count))

    def forward(self, steps: Float[Tensor, "batch dim step"]) -> Float[Tensor, "batch dim step"]:
        if not self._paired:
            for act, conv in zip(self.activations, self.convs, strict=True):
                steps = steps + conv(act(steps))
            return steps
        for place, (dilated, plain) in enumerate(zip(self.convs1, self.convs2, strict=True)):
            branch = dilated(self.activations[2 * place](steps))
            steps = steps + plain(self.activations[2 * place + 1](branch))
        return steps


def _same(width: int, kernel: int, dilation: int) -> nn.Conv1d:
    return nn.Conv1d(width, width, kernel, dilation=dilation, padding=(kernel - 1) * dilation // 2)


def _activation(kind: str, width: int, *, slope: float) -> nn.Module:
    if kind == "leaky":
        return nn.LeakyReLU(slope)
    return AntiAliased(Snake(width, own_beta=kind == "snakebeta"))


def _refuse_misfits(config: HiFiGANNetConfig, picture: MelSettings) -> None:
    made = math.prod(config.ratios)
    if made != picture.hop:
        raise ParameterError(
            f"ratios {list(config.ratios)} make {made} samples of a frame, the picture's hop is {picture.hop}; "
            "choose others (model.net.ratios)"
        )
    if not all(0 < dilation <= _WIDEST for dilations in config.dilations for dilation in dilations):
        raise ParameterError(f"dilations {config.dilations} do not lie in 1…{_WIDEST}; choose others")
    if len(config.dilations) != len(config.kernels):
        raise ParameterError(
            f"{len(config.dilations)} lists of dilations for {len(config.kernels)} kernels; give one a kernel"
        )


def _context(config: HiFiGANNetConfig) -> int:
    bend = 0 if config.activation == "leaky" else REACH
    heard = Reach(bend).behind(kernel=_EDGE)
    for ratio in reversed(config.ratios):
        heard = max((_block(heard, config, *pair, bend) for pair in zip(config.kernels, config.dilations, strict=True)),
                    key=lambda one: one.steps)  # fmt: skip
        heard = heard.behind_up(kernel=2 * ratio, stride=ratio)
    return heard.behind(kernel=_EDGE).steps + 1


def _block(heard: Reach, config: HiFiGANNetConfig, kernel: int, dilations: Sequence[int], bend: int) -> Reach:
    for dilation in dilations:
        heard = Reach(heard.steps + bend).behind(kernel=kernel, dilation=dilation)
        if config.paired:
            heard = Reach(heard.steps + bend).behind(kernel=kernel)
    return heard
