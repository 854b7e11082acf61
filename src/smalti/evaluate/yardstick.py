"""The codec yardstick: one number by which every codec here, and Opus, is compared.

Convention: the mean over windows of 512 and 2048 samples of the mean absolute difference of log-mel pictures in dB;
80 Slaney bands from 0 Hz to half the rate, each band's weights summing to one, magnitude STFT (Hann, hop = window / 4,
centred), floor -80 dB where a full-scale sine has magnitude 1. Both signals at the codec's rate and of equal length.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from smalti.core import ParameterError
from smalti.features import MelSettings, mel

_WINDOWS = (512, 2048)
_BANDS = 80
_FLOOR_DB = -80.0
_BLOCK = 2**20


def log_mel_l1_db(reference: Float[Tensor, " sample"], estimate: Float[Tensor, " other"], sample_rate: int) -> float:
    """Distance of two sounds in dB: 0 is equal, Opus at 6 kbit/s is about 5.

    Args:
        reference: mono, full scale ±1.
        estimate: as long as `reference`.
        sample_rate: Hz, of both.
    Raises:
        ParameterError: if the lengths differ or there are no samples.
    """
    if reference.shape != estimate.shape or not len(reference):
        raise ParameterError(f"found {len(reference)} and {len(estimate)} samples, wanted equal lengths above zero")
    both = torch.stack([reference, estimate]).float()
    distances = [_distance(both, _picture(sample_rate, window)) for window in _WINDOWS]
    return sum(distances) / len(distances)


def _picture(sample_rate: int, window: int) -> MelSettings:
    return MelSettings(
        sample_rate=sample_rate,
        n_fft=window,
        hop=window // 4,
        bands=_BANDS,
        low_hz=0.0,
        high_hz=sample_rate / 2,
        norm="sum",
        unit="sine",
        floor_db=_FLOOR_DB,
    )


def _distance(both: Float[Tensor, "pair sample"], picture: MelSettings) -> float:
    """Mean over the frames of the whole, taken in blocks so that an hour costs no more memory than a minute."""
    half = picture.n_fft // 2
    padded = torch.nn.functional.pad(both, (half, half))
    total, frames = 0.0, 1 + both.shape[1] // picture.hop
    step = _BLOCK // picture.hop
    for first in range(0, frames, step):
        count = min(step, frames - first)
        begin = first * picture.hop
        block = padded[:, begin : begin + (count - 1) * picture.hop + picture.n_fft]
        level = 20 * mel(block, picture, centred=False).clamp(min=10 ** (_FLOOR_DB / 20)).log10()
        total += float((level[0] - level[1]).abs().double().sum())
    return total / (frames * _BANDS)
