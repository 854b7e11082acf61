"""Distances of waveforms in time and at many scales of their spectra, counted only where items have sound."""

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from smalti.features import MelSettings, mel_filterbank, stft_magnitude
from smalti.losses.ends import ended, mean_inside

PUBLISHED_SCALES = tuple(2**power for power in range(5, 12))
"""Windows in samples, 32…2048, of Yang et al. 2025's frequency loss and of Kumar et al. 2023's mel pictures."""

PUBLISHED_BANDS = (5, 10, 20, 40, 80, 160, 320)
"""Mel bands of Kumar et al. 2023 at these windows."""

_QUIETEST = 1e-5  # of a mel magnitude, in the transform's own unit
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


def multi_scale_mel(
    found: Float[Tensor, "batch sample"],
    wanted: Float[Tensor, "batch sample"],
    *,
    sample_rate: int,
    windows: Sequence[int] = PUBLISHED_SCALES,
    bands: Sequence[int] = PUBLISHED_BANDS,
) -> Float[Tensor, ""]:
    """Sum over scales of the mean distance of log-mel pictures, in powers of ten: 0 for equal sounds.

        Σ mean |log10 max(mel(x̂), 10⁻⁵) - log10 max(mel(x), 10⁻⁵)|

    Pictures of a Hann window of length w, hop w / 4, as many bands (Slaney, unit area) as are asked for at each; a band
    too narrow to hold a bin hears nothing.

    Args:
        found, wanted: waveforms of equal length, full scale ±1.
        sample_rate: Hz.
        windows: samples, each a multiple of 4.
        bands: mel bands of each window.
    Source: Kumar et al. 2023 (DAC, arXiv:2306.06546), section 3.4. Differs: at its ends a sound is extended by silence,
    not mirrored.
    """
    sounds = torch.cat([found, wanted]).float()
    scales = zip(windows, bands, strict=True)
    return torch.stack([_mel_scale(sounds, sample_rate, window, count) for window, count in scales]).sum()


def _mel_scale(sounds: Tensor, sample_rate: int, window: int, bands: int) -> Tensor:
    picture = MelSettings(
        sample_rate=sample_rate, n_fft=window, hop=window // 4, bands=bands, low_hz=0.0, high_hz=sample_rate / 2
    )
    magnitude = stft_magnitude(sounds, n_fft=window, hop=window // 4)
    level = (mel_filterbank(picture, deaf=True).to(magnitude) @ magnitude).clamp(min=_QUIETEST).log10()
    made, real = level.chunk(2)
    return (made - real).abs().mean()


def _scale(sounds: Tensor, lengths: Tensor | None, window: int, squared: float) -> Tensor:
    energy = torch.hann_window(window).square().sum().item()
    made, real = (stft_magnitude(sounds, n_fft=window, hop=window // 4) / energy**0.5).chunk(2)
    difference = made - real
    root = difference.square().mean(dim=1, keepdim=True).clamp(min=_REST).sqrt()
    hop = window // 4
    return mean_inside(difference.abs(), lengths, hop=hop) + squared * mean_inside(root, lengths, hop=hop)
