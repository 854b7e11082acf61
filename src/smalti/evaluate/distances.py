"""Distances of long sounds in blocks, so that an hour costs no more memory than a minute."""

from collections.abc import Iterable, Iterator
from statistics import fmean

import torch
from jaxtyping import Float
from torch import Tensor

from smalti.features import MelSettings, log_mel
from smalti.losses import multi_resolution_stft

_BLOCK_SECONDS = 60


def stft_distance(found: Float[Tensor, " sample"], wanted: Float[Tensor, " sample"], sample_rate: int) -> float:
    """`smalti.losses.multi_resolution_stft` of each minute; the mean weighs them by their samples."""
    block = _BLOCK_SECONDS * sample_rate
    pairs = list(zip(found.split(block), wanted.split(block), strict=True))
    return fmean([float(multi_resolution_stft(a[None], b[None])) for a, b in pairs], weights=[len(a) for a, _ in pairs])


def picture_distance(found: Iterable[Tensor], wanted: Iterable[Tensor], picture: MelSettings) -> float:
    """Mean absolute difference of two log-mel pictures in dB, both given in the blocks of `picture_blocks`."""
    total, cells = 0.0, 0
    for one, other in zip(found, wanted, strict=True):
        total += float((one - other).abs().sum(dtype=torch.float64))
        cells += one.numel()
    return total / cells * picture.range_db


def picture_blocks(samples: Float[Tensor, " sample"], picture: MelSettings) -> Iterator[Float[Tensor, "band _"]]:
    """The frames of `smalti.features.hop_by_hop`, `block_frames` at a time."""
    hop, n_fft, step = picture.hop, picture.n_fft, block_frames(picture)
    frames = -(-len(samples) // hop)
    padded = torch.nn.functional.pad(samples, (picture.lead, n_fft))
    for first in range(0, frames, step):
        count = min(step, frames - first)
        part = padded[first * hop : first * hop + (count - 1) * hop + n_fft]
        yield log_mel(part[None], picture, centred=False)[0]


def block_frames(picture: MelSettings) -> int:
    """Frames of a block, a minute of them."""
    return _BLOCK_SECONDS * picture.sample_rate // picture.hop
