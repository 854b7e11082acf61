"""Mel-frequency cepstral coefficients: what speech was compared by before anything was learnt, and a strong peer."""

from functools import cache

import torch
from jaxtyping import Float
from torch import Tensor

from smalti.core import Audio, Embedding
from smalti.features.mel import MelSettings, mel_filterbank
from smalti.features.stft import stft_magnitude

_WINDOW_SECONDS, _HOP_SECONDS = 0.025, 0.010
_BANDS, _COEFFICIENTS = 40, 13
_PRE_EMPHASIS = 0.97
_QUIETEST = 1e-10  # power of a band
_CHUNK = 8192  # frames transformed at once: an hour needs little more memory than a minute
_REACH = 2  # frames to each side that a slope is measured over


def mfcc(samples: Float[Tensor, " sample"], sample_rate: int) -> Float[Tensor, "frame coefficient"]:
    """39 numbers every 10 ms: 13 coefficients, their slopes, and the slopes' slopes.

    Pre-emphasis 0.97, Hann windows of 25 ms on the middle of each 10 ms begun, 40 mel bands of power up to half the
    sample rate, natural logarithm, orthonormal DCT. Silence lies beyond the ends.

    Source: Davis & Mermelstein 1980; slopes by regression over two frames to each side, Furui 1986.
    """
    return cepstra(log_power(samples, _settings(sample_rate)))


def cepstra(log_mel: Float[Tensor, "frame band"]) -> Float[Tensor, "frame coefficient"]:
    """The 39 numbers of `mfcc`, of frames that are there already: bands at least 13, logarithms of power."""
    plain = log_mel @ _cosines(log_mel.shape[1]).to(log_mel).T
    slopes = _slopes(plain) if len(plain) else plain
    return torch.cat([plain, slopes, _slopes(slopes) if len(plain) else plain], dim=1)


def log_power(samples: Float[Tensor, " sample"], settings: MelSettings) -> Float[Tensor, "frame band"]:
    """Natural logarithm of power in mel bands, pre-emphasised by 0.97, one frame for every hop begun.

    Args:
        samples: a waveform at the settings' rate; silence lies beyond its ends.
        settings: of the bands; hours need little more memory than minutes.
    """
    frames = -(-samples.shape[0] // settings.hop)
    if not frames:
        return samples.new_zeros(0, settings.bands)
    sharp = samples - _PRE_EMPHASIS * torch.nn.functional.pad(samples, (1, 0))[:-1]
    whole = frames * settings.hop + settings.n_fft - settings.hop
    padded = torch.nn.functional.pad(sharp, (settings.lead, whole - settings.lead - samples.shape[0]))
    return torch.cat(
        [_log_power(padded, range(first, min(first + _CHUNK, frames)), settings) for first in range(0, frames, _CHUNK)]
    )


def normalised(frames: Float[Tensor, "frame coefficient"]) -> Float[Tensor, "frame coefficient"]:
    """Each coefficient with mean 0 and deviation 1 over the clip, which takes out microphone and loudness."""
    if not len(frames):
        return frames
    centred = frames - frames.mean(dim=0)
    return centred / centred.pow(2).mean(dim=0).sqrt().clamp(min=1e-5)


def trimmed(samples: Float[Tensor, " sample"], sample_rate: int, *, below_db: float = 35.0) -> Float[Tensor, " loud"]:
    """The clip without its ends that are so much quieter than its loudest 10 ms; all of it if it is silent."""
    hop = round(_HOP_SECONDS * sample_rate)
    whole = torch.nn.functional.pad(samples, (0, -samples.shape[0] % hop)).unflatten(0, (-1, hop))
    if not len(whole):
        return samples
    power = whole.pow(2).mean(dim=1)
    loud = (power > power.max() * 10 ** (-below_db / 10)).nonzero()[:, 0]
    return samples[int(loud[0]) * hop : (int(loud[-1]) + 1) * hop] if len(loud) else samples


class MfccEncoder:
    """An `Encoder` with nothing to learn: normalised MFCC of every 10 ms.

    Attributes:
        sample_rate: Hz.
        hop: samples.
        dim: 39.
    """

    def __init__(self, sample_rate: int) -> None:
        self.sample_rate, self.hop, self.dim = sample_rate, _settings(sample_rate).hop, 3 * _COEFFICIENTS

    def embed(self, audio: Audio) -> Embedding:
        """Frames of every item, each normalised by itself.

        Raises:
            SpecError: if the audio has another rate.
        """
        audio.require_rate(self.sample_rate, "this encoder")
        rows = [normalised(mfcc(item.samples[0], self.sample_rate)) for item in audio.items()]
        lengths = torch.tensor([len(row) for row in rows])
        return Embedding(torch.nn.utils.rnn.pad_sequence(rows, batch_first=True), lengths)


def _log_power(padded: Tensor, frames: range, settings: MelSettings) -> Float[Tensor, "frame band"]:
    piece = padded[frames.start * settings.hop : (frames.stop - 1) * settings.hop + settings.n_fft]
    magnitude = stft_magnitude(piece[None], n_fft=settings.n_fft, hop=settings.hop, centred=False)[0]
    power = mel_filterbank(settings).to(piece) @ magnitude.pow(2)
    return power.clamp(min=_QUIETEST).log().T


def _slopes(frames: Float[Tensor, "frame coefficient"]) -> Float[Tensor, "frame coefficient"]:
    steps = torch.arange(-_REACH, _REACH + 1).to(frames)
    first, last = frames[:1].expand(_REACH, -1), frames[-1:].expand(_REACH, -1)
    around = torch.cat([first, frames, last]).unfold(0, 2 * _REACH + 1, 1)
    return (around * steps).sum(dim=2) / steps.pow(2).sum()


@cache
def _settings(sample_rate: int) -> MelSettings:
    return MelSettings(
        sample_rate=sample_rate,
        n_fft=2 * round(_WINDOW_SECONDS * sample_rate / 2),
        hop=round(_HOP_SECONDS * sample_rate),
        bands=_BANDS,
        low_hz=0.0,
        high_hz=sample_rate / 2,
        aligned="middle",
    )


@cache
def _cosines(bands: int) -> Float[Tensor, "coefficient band"]:
    """The first rows of the orthonormal DCT-II."""
    band = torch.arange(bands, dtype=torch.float64) + 0.5
    rows = torch.arange(_COEFFICIENTS, dtype=torch.float64)[:, None]
    cosines = torch.cos(torch.pi / bands * rows * band) * (2 / bands) ** 0.5
    cosines[0] /= 2**0.5
    return cosines.float()
