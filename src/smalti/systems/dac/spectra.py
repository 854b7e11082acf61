"""Short spectra at both ends of a small net: many samples at once in place of wide layers at the full rate.

A frame is two folds long and begins every fold. Both transforms are convolutions, though they never learn, so that all
is made of the same layers as the rest of the net, and streams as they do.

Source: Kaneko et al. 2022 (iSTFTNet, arXiv:2203.02395): an inverse transform in place of a net's last layers. Differs:
the other end has one as well.
"""

import math
from collections.abc import Iterable

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

_QUIETEST, _LOUDEST = -12.0, 5.5  # ln of a magnitude
_MIDDLE, _SPREAD = -3.0, 3.0  # of ln of the magnitudes of sounds
_TINY = 1e-8


def spectral_channels(fold: int) -> int:
    """Numbers that stand for a frame: a level and a phase, as a point of a circle, of every bin."""
    return 3 * fold + 1


def spectral_front(fold: int) -> nn.Sequential:
    """Samples to levels and phases."""
    forward = nn.Conv1d(1, 2 * fold, 2 * fold, stride=fold, padding=fold // 2)
    with torch.no_grad():
        forward.weight.copy_(_waves(fold)[:, None])
        nn.init.zeros_(forward.get_parameter("bias"))
    return nn.Sequential(forward.requires_grad_(False), Levels(fold))


def spectral_back(fold: int) -> Iterable[nn.Module]:
    """Levels and phases to samples."""
    inverse = nn.ConvTranspose1d(2 * fold, 1, 2 * fold, stride=fold, padding=fold // 2)
    times = torch.full((2 * fold, 1), 2.0)  # an inner bin stands for two
    times[0] = times[fold] = 1.0
    with torch.no_grad():
        inverse.weight.copy_((_waves(fold) * times / (2 * fold))[:, None])
        nn.init.zeros_(inverse.get_parameter("bias"))
    return Waves(fold), inverse.requires_grad_(False)


class Levels(nn.Module):
    """Real and imaginary parts to levels, about zero and about one in size, and to phases as points of a circle."""

    def __init__(self, fold: int) -> None:
        super().__init__()
        self._bins = fold + 1

    def forward(self, steps: Float[Tensor, "batch parts step"]) -> Float[Tensor, "batch told step"]:
        """As many steps as came in."""
        real, inner = steps.float().tensor_split([self._bins], dim=1)
        # the first and the last bin have no imaginary part
        imaginary = functional.pad(inner, (0, 0, 1, 1))
        magnitude = (real.square() + imaginary.square() + math.exp(2 * _QUIETEST)).sqrt()
        level = (magnitude.log() - _MIDDLE) / _SPREAD
        return torch.cat([level, real / magnitude, inner / magnitude[:, 1:-1]], dim=1)


class Waves(nn.Module):
    """The way back. Only the direction of a point counts, so that phases are free from the first step on."""

    def __init__(self, fold: int) -> None:
        super().__init__()
        self._bins = fold + 1

    def forward(self, steps: Float[Tensor, "batch told step"]) -> Float[Tensor, "batch parts step"]:
        """As many steps as came in."""
        told, real, inner = steps.tensor_split([self._bins, 2 * self._bins], dim=1)
        imaginary = functional.pad(inner, (0, 0, 1, 1))
        magnitude = (told * _SPREAD + _MIDDLE).clamp(_QUIETEST, _LOUDEST).exp()
        scale = magnitude * (real.square() + imaginary.square() + _TINY).rsqrt()
        return torch.cat([scale * real, scale[:, 1:-1] * inner], dim=1)


def _waves(fold: int) -> Float[Tensor, "wave sample"]:
    """cos of each bin and -sin of each inner one in a window whose squares, one fold apart, add up to one."""
    time = torch.arange(2 * fold, dtype=torch.float64)
    window = (math.pi * (time + 0.5) / (2 * fold)).sin()
    angle = math.pi * torch.arange(fold + 1, dtype=torch.float64)[:, None] * time / fold
    return torch.cat([angle.cos() * window, -angle[1:-1].sin() * window]).float()
