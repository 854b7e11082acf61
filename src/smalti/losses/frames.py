"""How wrong a guess of log-mel frames was: the likelihood of mixtures, and distances of single values."""

import math

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from smalti.features import FrameGuess

FRAME_SCALES = (1, 2, 4, 8)
"""Frames averaged before levels are compared: the published four."""


def frame_log_density(
    guess: FrameGuess, frames: Float[Tensor, "batch band frame"], *, units: float = 1.0
) -> Float[Tensor, "batch frame"]:
    """Natural logarithm of how likely each frame was; 0 for a frame of NaN.

        log Σ_k w_k Π_b p(x_b),   p = N(x; μ, σ) inside 0…1,   Φ(-μ/σ) at 0,   Φ((μ-1)/σ) at 1

    A level of 0 or 1 stands for all that the picture clips there, so it has a share of its own and no density: silence
    cannot be guessed better than for certain.

    Args:
        guess: with deviations above 0.
        frames: log-mel, 0…1.
        units: that 0…1 is divided into, such as decibels: densities are per unit of each band.
    Source: Tobin 1958 (the censored normal); mixtures as in Bishop 1994.
    """
    levels = frames.nan_to_num().mT[:, :, None]
    away = (levels - guess.means) / guess.deviations
    inside = -0.5 * away.square() - guess.deviations.log() - 0.5 * math.log(2 * math.pi) - math.log(units)
    clipped = (levels <= 0) | (levels >= 1)
    beyond = torch.special.log_ndtr(torch.where(levels >= 1, -away, away).masked_fill(~clipped, 0.0))
    cells = torch.where(clipped, beyond, inside).sum(-1)
    found = torch.logsumexp(guess.weights.log_softmax(-1) + cells, dim=-1)
    return found.masked_fill(frames[:, 0].isnan(), 0.0)


def frame_distance(
    found: Float[Tensor, "batch band frame"],
    wanted: Float[Tensor, "batch band frame"],
    *,
    l1: float = 0.5,
) -> Float[Tensor, ""]:
    """Mean squared error and, weighted by `l1`, the mean absolute error of levels averaged over 1, 2, 4 and 8 frames.

    Frames that are NaN in `wanted` do not count, nor does an average that holds one.

    Source: the published loss of mel frames. Differs: frames are averaged along time; the published pooling ran along
    bands, so that what it called scales were blurred spectra.
    """
    there = ~wanted[:, :1].isnan()
    difference = torch.where(there, found - wanted.nan_to_num(), 0.0)
    squared = difference.square().sum() / (there.sum() * wanted.shape[1]).clamp(min=1)
    scales = [_pooled_l1(difference, there.float(), scale) for scale in FRAME_SCALES if scale <= wanted.shape[2]]
    return squared + l1 * torch.stack(scales).mean()


def _pooled_l1(difference: Tensor, there: Tensor, scale: int) -> Tensor:
    whole = functional.avg_pool1d(there, scale) == 1
    means = functional.avg_pool1d(difference, scale).abs() * whole
    return means.sum() / (whole.sum() * difference.shape[1]).clamp(min=1)
