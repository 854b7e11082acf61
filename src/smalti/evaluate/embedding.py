"""smalti's own embedding of a clip: statistics over time of its log-mel picture, for the classifier and for Fréchet.

Nothing is learnt, so it hears the same in every run and needs no weights: level, spread and roughness of each band.
"""

import math
from collections.abc import Iterable

import torch
from jaxtyping import Float
from torch import Tensor

from smalti.features import MelSettings, hop_by_hop, log_mel

_FRAME_SECONDS = 0.046
_LAGS = (1, 2, 4, 8, 16, 32)
_FLOOR_DB = -70.0


def clip_statistics(
    clips: Iterable[Float[Tensor, " _"]], sample_rate: int, *, bands: int
) -> Float[Tensor, "clip feature"]:
    """Statistics of each clip, `bands` × 8 numbers: mean, deviation, and the RMS change over 1, 2, 4 … 32 frames.

    The changes are a structure function: in octaves of about 23 ms they say how fast a band moves, at any clip length.

    Args:
        clips: mono waveforms, full scale ±1, of any lengths above zero.
        sample_rate: Hz, of all of them.
        bands: Slaney mel bands from 0 Hz to half the rate.
    """
    picture = _picture(sample_rate, bands)
    return torch.stack([_statistics(log_mel(clip[None].float(), picture)[0]) for clip in clips])


def frame_levels(
    clip: Float[Tensor, " sample"], sample_rate: int, *, hop: int, bands: int
) -> Float[Tensor, "frame band"]:
    """Log-mel levels (0…1) around the middle of every hop begun: what each frame of an encoder might hear by itself.

    Arguments as of `clip_statistics`; `hop` in samples.
    """
    return hop_by_hop(clip[None].float(), _picture(sample_rate, bands, hop))[0].mT


def _statistics(levels: Float[Tensor, "band frame"]) -> Float[Tensor, " feature"]:
    last = levels.shape[1] - 1
    changes = [_change(levels, min(lag, last)) for lag in _LAGS]
    return torch.cat([levels.mean(dim=1), levels.std(dim=1, unbiased=False), *changes])


def _change(levels: Float[Tensor, "band frame"], lag: int) -> Float[Tensor, " band"]:
    return (levels[:, lag:] - levels[:, : levels.shape[1] - lag]).square().mean(dim=1).sqrt()


def _picture(sample_rate: int, bands: int, hop: int | None = None) -> MelSettings:
    """Frames of 46 ms and half as far apart; or a hop apart, in its middle and no shorter than that."""
    n_fft = 2 ** round(math.log2(sample_rate * _FRAME_SECONDS))
    if hop is not None:
        n_fft = max(n_fft, 2 ** math.ceil(math.log2(hop)))
    return MelSettings(
        sample_rate=sample_rate,
        n_fft=n_fft,
        hop=hop or n_fft // 2,
        bands=bands,
        low_hz=0.0,
        high_hz=sample_rate / 2,
        norm="sum",
        unit="sine",
        floor_db=_FLOOR_DB,
        ceiling_db=0.0,
        aligned="middle" if hop else "start",
    )
