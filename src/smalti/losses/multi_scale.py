"""Distances of waveforms in time and at many scales of their spectra, counted only where items have sound."""

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from smalti.features import stft_magnitude
from smalti.losses.ends import ended, mean_inside

PUBLISHED_SCALES = tuple(2**power for power in range(5, 12))
"""Windows in samples, 32…2048, of Yang et al. 2025's frequency loss."""

_REST = 1e-20  # of a mean square: the root of nothing has no slope


def time_l1(
    found: Float[Tensor, "batch sample"],
    wanted: Float[Tensor, "batch sample"],
    lengths: Int64[Tensor, " batch"] | None = None,
) -> Float[Tensor, ""]:
    """Mean absolute difference of samples."""
    return mean_inside((found - wanted).abs()[:, None], lengths, hop=1)


def multi_scale_stft(
    found: Float[Tensor, "batch sample"],
    wanted: Float[Tensor, "batch sample"],
    lengths: Int64[Tensor, " batch"] | None = None,
    *,
    windows: Sequence[int] = PUBLISHED_SCALES,
    squared: float = 1.0,
) -> Float[Tensor, ""]:
    """Distance of magnitudes, mean over windows: 0 for equal sounds, with finite slopes there and at silence.

        mean |S(x̂) - S(x)| + α · mean over frames of √(mean over bins (S(x̂) - S(x))²)

    Magnitudes of a Hann window of length w, hop w / 4, over the root of its energy, so that white noise reads its
    own level at every scale.

    Args:
        found, wanted: waveforms of equal length, full scale ±1.
        lengths: samples of each item; None: all of them.
        windows: samples, each a multiple of 4.
        squared: α.
    Source: Défossez et al. 2022 (EnCodec, arXiv:2210.13438), section 3.4, on magnitudes in place of mel bands.
    """
    sounds = torch.cat([ended(found, lengths), ended(wanted, lengths)])
    return torch.stack([_scale(sounds, lengths, window, squared) for window in windows]).mean()


def _scale(sounds: Tensor, lengths: Tensor | None, window: int, squared: float) -> Tensor:
    energy = torch.hann_window(window).square().sum().item()
    made, real = (stft_magnitude(sounds, n_fft=window, hop=window // 4) / energy**0.5).chunk(2)
    difference = made - real
    root = difference.square().mean(dim=1, keepdim=True).clamp(min=_REST).sqrt()
    hop = window // 4
    return mean_inside(difference.abs(), lengths, hop=hop) + squared * mean_inside(root, lengths, hop=hop)
