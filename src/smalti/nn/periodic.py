"""Periodic activations that do not alias: twice the rate, bend, filter, back.

Source: Lee et al. 2023 (BigVGAN, arXiv:2206.04658); the snake is Ziyin et al. 2020's.
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

TAPS = 12
_TINY = 1e-9


class Snake(nn.Module):
    """x + sin²(x·e^alpha) / e^beta, per channel; without a beta of its own, beta is alpha.

    Args:
        width: channels.
        own_beta: whether height and frequency are learnt apart.
    """

    def __init__(self, width: int, *, own_beta: bool) -> None:
        super().__init__()
        self.alpha = nn.Parameter(torch.zeros(width))
        self.beta = nn.Parameter(torch.zeros(width)) if own_beta else None

    def forward(self, steps: Float[Tensor, "batch dim step"]) -> Float[Tensor, "batch dim step"]:
        """As many steps as came in."""
        height = self.alpha if self.beta is None else self.beta
        frequency = self.alpha.exp()[:, None]
        return steps + (steps * frequency).sin().square() / (height.exp()[:, None] + _TINY)


class AntiAliased(nn.Module):
    """An activation at twice the rate, between two low-pass filters; the ends are held.

    Attributes:
        act: the activation.
        upsample, downsample: their filters are buffers under the published names.
    """

    def __init__(self, act: nn.Module) -> None:
        super().__init__()
        self.act = act
        self.upsample = _Upsample()
        self.downsample = _Downsample()

    def forward(self, steps: Float[Tensor, "batch dim step"]) -> Float[Tensor, "batch dim step"]:
        """As many steps as came in."""
        return self.downsample(self.act(self.upsample(steps)))


REACH = TAPS // 2 + 1
"""Steps at either side that an anti-aliased activation depends on."""


class _Upsample(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.filter = nn.Buffer(low_pass())

    def forward(self, steps: Tensor) -> Tensor:
        width, edge = steps.shape[1], TAPS // 2 - 1
        held = functional.pad(steps, (edge, edge), mode="replicate")
        twice = 2 * functional.conv_transpose1d(held, self.filter.expand(width, -1, -1), stride=2, groups=width)
        surplus = 2 * edge + (TAPS - 2) // 2
        return twice[:, :, surplus : twice.shape[2] - surplus]


class _Downsample(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.lowpass = _LowPass()

    def forward(self, steps: Tensor) -> Tensor:
        return self.lowpass(steps)


class _LowPass(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.filter = nn.Buffer(low_pass())

    def forward(self, steps: Tensor) -> Tensor:
        width = steps.shape[1]
        held = functional.pad(steps, (TAPS // 2 - 1, TAPS // 2), mode="replicate")
        return functional.conv1d(held, self.filter.expand(width, -1, -1), stride=2, groups=width)


def low_pass() -> Float[Tensor, "1 1 tap"]:
    """A windowed sinc that halves the band, with a transition of 0.6 of what is kept; its taps sum to one.

    Source: Kaiser 1974: the window's shape for an attenuation of 2.285·(half - 1)·π·width + 7.95 dB.
    """
    half, cutoff, transition = TAPS // 2, 0.25, 0.3
    attenuation = 2.285 * (half - 1) * math.pi * 4 * transition + 7.95
    shape = 0.1102 * (attenuation - 8.7) if attenuation > 50 else _gentle(attenuation)
    window = torch.kaiser_window(TAPS, periodic=False, beta=shape, dtype=torch.float64)
    places = torch.arange(-half, half, dtype=torch.float64) + 0.5
    taps = 2 * cutoff * window * torch.sinc(2 * cutoff * places)
    return (taps / taps.sum()).float()[None, None]


def _gentle(attenuation: float) -> float:
    return 0.5842 * (attenuation - 21) ** 0.4 + 0.07886 * (attenuation - 21) if attenuation >= 21 else 0.0
