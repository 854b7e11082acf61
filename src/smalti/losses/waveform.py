"""Distances of waveforms by their spectra: to learn by, and to score by."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from smalti.features import MelSettings, mel, stft_magnitude
from smalti.losses.ends import ended, mean_inside


class Resolution(NamedTuple):
    """One way to look at a waveform, in samples: length of the transform, of its Hann window, and hop."""

    n_fft: int
    window: int
    hop: int


PUBLISHED_RESOLUTIONS = (Resolution(1024, 600, 120), Resolution(2048, 1200, 240), Resolution(512, 240, 50))
"""Those of Yamamoto et al. 2020, which auraloss takes by default as well."""


def multi_resolution_stft(
    found: Float[Tensor, "batch sample"],
    wanted: Float[Tensor, "batch sample"],
    *,
    resolutions: Sequence[Resolution] = PUBLISHED_RESOLUTIONS,
    floor: float = 1e-4,
) -> Float[Tensor, ""]:
    """Spectral convergence plus distance of log magnitudes, mean over resolutions and items: 0 for equal sounds.

        ‖|Y| - |X|‖ / ‖|Y|‖ + mean |ln |Y| - ln |X||,  Y wanted, X found, magnitudes no less than `floor`

    Args:
        found, wanted: waveforms of equal length, full scale ±1.
        resolutions: ways to look at them.
        floor: least magnitude, where a full-scale sine reads window / 4. Below it nothing counts, and a silent
            target is this loud.
    Source: Yamamoto et al. 2020 (Parallel WaveGAN), eqs. 4-6; equals auraloss.freq.MultiResolutionSTFTLoss.
    Differs: at its ends a sound is extended by silence, not mirrored, so that it may be of any length; and from the
    paper, as auraloss does, in that each item has a norm of its own.
    """
    return torch.stack([_distance(found, wanted, resolution, floor) for resolution in resolutions]).mean()


def mel_l1(
    found: Float[Tensor, "batch sample"],
    wanted: Float[Tensor, "batch sample"],
    settings: MelSettings,
    lengths: Int64[Tensor, " batch"] | None = None,
) -> Float[Tensor, ""]:
    """Mean absolute difference of log-mel pictures, in units of their 0…1, up to each item's end.

    Differs: no clip at floor and ceiling, which would leave what is too quiet without a gradient; the floor is added
    to the magnitudes instead, so that all below it is nearly equal.
    """
    quietest = 10 ** (settings.floor_db / 20)
    levels = [(mel(ended(samples, lengths), settings) + quietest).log10() for samples in (found, wanted)]
    return mean_inside((levels[0] - levels[1]).abs(), lengths, hop=settings.hop) * (20 / settings.range_db)


def _distance(found: Tensor, wanted: Tensor, resolution: Resolution, floor: float) -> Tensor:
    n_fft, window, hop = resolution
    made, real = (
        stft_magnitude(samples, n_fft=n_fft, hop=hop, window=window).clamp(min=floor) for samples in (found, wanted)
    )
    difference = (real - made).square().sum(dim=(1, 2))
    # the root of nothing has no slope, and equal sounds are at rest
    convergence = difference.clamp(min=1e-20).sqrt() / real.square().sum(dim=(1, 2)).sqrt()
    return convergence.mean() + (real.log() - made.log()).abs().mean()
