"""From one mel picture to another by way of linear magnitudes, so that a codec is heard through a vocoder of another.

Picture → non-negative magnitudes → the other bands, then the other frames by straight lines in time, then the other
vocoder, then the first rate. What the first picture leaves out (bands, levels below its floor) stays silent: a bridge
is a stopgap, and whoever crosses it is told so.
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor

from smalti.audio.resampling import Resampler
from smalti.features import (
    MelSettings,
    Vocoder,
    VocoderStream,
    from_log_mel,
    mel_filterbank,
    mel_to_magnitude,
    to_log_mel,
)
from smalti.nn.overlap import Windows

_WINDOW = 64


class MagnitudeBridge:
    """A vocoder of one picture that is heard through a vocoder of another.

    Attributes:
        picture: of the frames it is given.
    """

    def __init__(self, picture: MelSettings, vocoder: Vocoder) -> None:
        self.picture, self._vocoder = picture, vocoder

    def stream(self) -> VocoderStream:
        """Frames in, waveform at the first picture's rate out; equal for blocks of any size."""
        return _Stream(self.picture, self._vocoder)


class _Stream:
    def __init__(self, picture: MelSettings, vocoder: Vocoder) -> None:
        self._before, self._after = picture, vocoder.picture
        self._inner = vocoder.stream()
        self._windows = Windows(self._bands, channels=picture.bands, window=_WINDOW, left=0, right=0)
        self._resampler = Resampler(self._after.sample_rate, picture.sample_rate)
        # frame u of the second picture lies at place slope·u + offset between frames of the first
        pace = picture.sample_rate / self._after.sample_rate
        self._slope = self._after.hop * pace / picture.hop
        self._offset = (_centre(self._after) * pace - _centre(picture)) / picture.hop
        self._known = torch.zeros(self._after.bands, 1)  # silence before the first frame
        self._first = -1  # of the known frames
        self._frames = self._told = self._owed = 0

    def push(self, frames: Float[Tensor, "band frame"]) -> Float[Tensor, " sample"]:
        self._frames += frames.shape[1]
        self._owed += frames.shape[1] * self._before.hop
        self._known = torch.cat([self._known, *self._windows.push(frames)], dim=1)
        return self._give(self._inner.push(self._between()), last=False)

    def flush(self) -> Float[Tensor, " sample"]:
        self._known = torch.cat([self._known, *self._windows.flush()], dim=1)[:, : self._frames - self._first]
        seconds = self._frames * self._before.hop / self._before.sample_rate
        wanted = math.ceil(seconds * self._after.sample_rate / self._after.hop)
        silence = math.ceil(self._slope * wanted + self._offset) + 2 - self._frames
        self._known = torch.nn.functional.pad(self._known, (0, max(silence, 0)))
        rest = self._between()
        rest = rest[:, : rest.shape[1] - max(self._told - wanted, 0)]
        sound = self._give(torch.cat([self._inner.push(rest), self._inner.flush()]), last=True)
        return torch.nn.functional.pad(sound, (0, self._owed))

    def _between(self) -> Float[Tensor, "band frame"]:
        """The next frames of the second picture, as far as they lie between two known ones of the first."""
        last = self._first + self._known.shape[1] - 1
        most = max(math.ceil((last - self._offset) / self._slope), self._told)
        places = self._slope * torch.arange(self._told, most, dtype=torch.float64) + self._offset
        below = places[places < last].floor()
        share = (places[: len(below)] - below).float()
        column = below.long() - self._first
        mixed = self._known[:, column] * (1 - share) + self._known[:, column + 1] * share
        self._told += len(below)
        if len(below):
            self._first, self._known = int(below[-1]), self._known[:, int(column[-1]) :]
        return to_log_mel(mixed, self._after)

    def _bands(self, frames: Float[Tensor, "band frame"]) -> Float[Tensor, "other frame"]:
        """Mel magnitudes of the second picture at the times of the first."""
        before, after = self._before, self._after
        magnitude = mel_to_magnitude(from_log_mel(frames[None], before), before)[0]
        bins = torch.arange(after.bins) * (after.sample_rate / after.n_fft) / (before.sample_rate / before.n_fft)
        inside = bins <= before.bins - 1
        low = bins.long().clamp(max=before.bins - 2)
        share = (bins - low).clamp(0, 1)[:, None]
        linear = (magnitude[low] * (1 - share) + magnitude[low + 1] * share) * inside[:, None]
        return mel_filterbank(after) @ linear * (after.n_fft / before.n_fft)

    def _give(self, heard: Tensor, *, last: bool) -> Float[Tensor, " sample"]:
        sound = torch.from_numpy(self._resampler.push(heard.numpy(), last=last))[: self._owed]
        self._owed -= len(sound)
        return sound


def _centre(picture: MelSettings) -> float:
    """Samples from the start of a hop to the centre of its frame."""
    return picture.n_fft / 2 - picture.lead
