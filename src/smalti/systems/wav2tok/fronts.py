"""What the net is given: frames of a clip, without its quiet ends, freed of loudness and microphone.

A recording's frames are computed once; the rest works on batches of them, so that clips can be varied in between.
"""

from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int64
from torch import Tensor
from torch.nn import functional

from smalti.features import (
    PITCH,
    RELATIVE_BINS,
    MelSettings,
    cepstra,
    log_power,
    melody_frames,
    mfcc,
    normalised,
    relative_frames,
    stft_magnitude,
)
from smalti.systems.wav2tok.config import (
    FrontConfig,
    MfccFrontConfig,
    MusicFrontConfig,
    SpeechFrontConfig,
    StftFrontConfig,
)

_RATE = 16_000
_DECIBEL = 4.342944819  # 10 / ln 10: decibels of power in one neper
_SLOPE_DB = 4.0  # over which frames fade from heard to unheard in the mean
_LEAST_DEVIATION = 1e-3
_CEPSTRA = 13  # fewer bands have fewer
_CHUNK = 4096
_NEAR = 3.0  # seconds at either side within which frames are loud or quiet
_SMOOTH = 11  # frames of a level that noise does not move
_RISE_DB, _FALL_DB = 6.0, 10.0  # that sound stands above the quietest around; below the loudest it may be quiet
_SUNG = 0.5  # strength of a pitch that is there, not held


@runtime_checkable
class FrontEnd(Protocol):
    """Frames of sound. `picture` says which mel bands their numbers are ln powers of, None if they are others."""

    @property
    def sample_rate(self) -> int: ...
    @property
    def hop(self) -> int: ...
    @property
    def bins(self) -> int: ...
    @property
    def picture(self) -> MelSettings | None: ...

    def frames(self, samples: Float[Tensor, " sample"]) -> Float[Tensor, "frame bin"]:
        """One for each hop begun, as they are."""
        ...

    def sounding(self, frames: Float[Tensor, "frame bin"]) -> range:
        """Which of them are no quiet ends."""
        ...

    def stretches(self, frames: Float[Tensor, "frame bin"]) -> list[range]:
        """Which of them are clips of their own, between pauses; one or more."""
        ...

    def normalised(
        self, frames: Float[Tensor, "batch frame bin"], lengths: Int64[Tensor, " batch"]
    ) -> Float[Tensor, "batch frame bin"]:
        """Free of what a clip as a whole is like; zeros behind its length."""
        ...

    def acoustics(self, frames: Float[Tensor, "frame bin"]) -> Float[Tensor, "frame dim"]:
        """What one clip's normalised frames sound like, in numbers of deviation 1; of dim 0 where distances of such
        say nothing."""
        ...


class SpeechFront:
    """ln of power in mel bands, pre-emphasised by 0.97; windows of 25 ms on the middle of each 10 ms."""

    sample_rate, hop = _RATE, 160

    def __init__(self, config: SpeechFrontConfig) -> None:
        self.config = config
        self.bins, self.picture = config.bands, _bands(config)

    def frames(self, samples: Float[Tensor, " sample"]) -> Float[Tensor, "frame bin"]:
        """One for each 10 ms begun."""
        return log_power(samples, self.picture)

    def sounding(self, frames: Float[Tensor, "frame bin"]) -> range:
        """Frames between the first and last that are no more than `trim_db` below the loudest, with one more around."""
        if not len(frames) or not self.config.trim_db:
            return range(len(frames))
        level = _level(frames)
        loud = (level >= level.max() - self.config.trim_db).nonzero()[:, 0]
        return range(max(int(loud[0]) - 1, 0), min(int(loud[-1]) + 2, len(frames)))

    def stretches(self, frames: Float[Tensor, "frame bin"]) -> list[range]:
        """What no pause divides, each without its own quiet ends; without pauses, `sounding`.

        A frame is quiet as what is around it says: nearer to the quietest there than to the loudest.
        """
        rate = self.sample_rate / self.hop
        if not self.config.pause or len(frames) <= self.config.pause * rate:
            return [self.sounding(frames)]
        level = _level(frames)
        loud = (level >= _quiet(level, near=round(_NEAR * rate), trim_db=self.config.trim_db)).nonzero()[:, 0]
        apart = loud.diff() > self.config.pause * rate
        if not apart.any():
            return [self.sounding(frames)]
        begins, ends = [loud[0], *loud[1:][apart]], [*loud[:-1][apart], loud[-1]]
        spans = [(max(int(a) - 1, 0), min(int(b) + 2, len(frames))) for a, b in zip(begins, ends, strict=True)]
        heard = [(begin, self.sounding(frames[begin:end])) for begin, end in spans]
        return [range(begin + own.start, begin + own.stop) for begin, own in heard]

    def normalised(
        self, frames: Float[Tensor, "batch frame bin"], lengths: Int64[Tensor, " batch"]
    ) -> Float[Tensor, "batch frame bin"]:
        """Less each band's mean over loud frames, divided by one deviation for all bands."""
        inside = _inside(frames, lengths)
        highest = frames.masked_fill(~inside[..., None], -torch.inf).amax(dim=(1, 2), keepdim=True)
        frames = torch.maximum(frames, highest - self.config.floor_db / _DECIBEL)
        level = _level(frames)
        loudest = level.masked_fill(~inside, -torch.inf).amax(dim=1, keepdim=True)
        weight = torch.sigmoid((level - loudest + self.config.active_db) / _SLOPE_DB) * inside
        return _standard(frames, (weight / weight.sum(dim=1, keepdim=True))[..., None], inside, shared=True)

    def acoustics(self, frames: Float[Tensor, "frame bin"]) -> Float[Tensor, "frame dim"]:
        """Cepstra and their slopes."""
        return normalised(cepstra(frames)) if self.bins >= _CEPSTRA else frames[:, :0]


class MfccFront:
    """39 cepstral coefficients every 10 ms."""

    sample_rate, hop, bins, picture = _RATE, 160, 39, None

    def frames(self, samples: Float[Tensor, " sample"]) -> Float[Tensor, "frame bin"]:
        """One for each 10 ms begun."""
        return mfcc(samples, self.sample_rate)

    def sounding(self, frames: Float[Tensor, "frame bin"]) -> range:
        """All of them."""
        return range(len(frames))

    def stretches(self, frames: Float[Tensor, "frame bin"]) -> list[range]:
        """All of them together."""
        return [self.sounding(frames)]

    def normalised(
        self, frames: Float[Tensor, "batch frame bin"], lengths: Int64[Tensor, " batch"]
    ) -> Float[Tensor, "batch frame bin"]:
        """Each coefficient with mean 0 and deviation 1 over the clip."""
        inside = _inside(frames, lengths)
        return _standard(frames, (inside / lengths.clamp(min=1)[:, None])[..., None], inside, shared=False)

    def acoustics(self, frames: Float[Tensor, "frame bin"]) -> Float[Tensor, "frame dim"]:
        """The frames."""
        return frames


class StftFront:
    """Magnitudes of a short-time Fourier transform, nothing else: the published system's first choice."""

    sample_rate, picture = _RATE, None

    def __init__(self, config: StftFrontConfig) -> None:
        self.config = config
        self.hop, self.bins = config.hop, config.n_fft // 2 + 1

    def frames(self, samples: Float[Tensor, " sample"]) -> Float[Tensor, "frame bin"]:
        """One for each hop begun, on its middle."""
        n_fft, hop, count = self.config.n_fft, self.hop, -(-len(samples) // self.hop)
        lead = max(n_fft - hop, 0) // 2
        padded = functional.pad(samples, (lead, count * hop + n_fft - lead - len(samples)))
        parts = [torch.zeros(0, self.bins)]
        for first in range(0, count, _CHUNK):
            last = min(first + _CHUNK, count)
            piece = padded[first * hop : (last - 1) * hop + n_fft]
            parts.append(stft_magnitude(piece[None], n_fft=n_fft, hop=hop, centred=False)[0].T)
        return torch.cat(parts)

    def sounding(self, frames: Float[Tensor, "frame bin"]) -> range:
        """All of them."""
        return range(len(frames))

    def stretches(self, frames: Float[Tensor, "frame bin"]) -> list[range]:
        """All of them together."""
        return [self.sounding(frames)]

    def normalised(
        self, frames: Float[Tensor, "batch frame bin"], lengths: Int64[Tensor, " batch"]
    ) -> Float[Tensor, "batch frame bin"]:
        """As they are, with zeros behind each clip."""
        return torch.where(_inside(frames, lengths)[..., None], frames, 0)

    def acoustics(self, frames: Float[Tensor, "frame bin"]) -> Float[Tensor, "frame dim"]:
        """None: loud bins would decide alone."""
        return frames[:, :0]


class MusicFront:
    """Pitches of a melody, each blurred over its neighbours, on half semitones."""

    sample_rate, hop, bins, picture = PITCH.sample_rate, PITCH.hop, RELATIVE_BINS, None

    def __init__(self, config: MusicFrontConfig) -> None:
        self.config = config

    def frames(self, samples: Float[Tensor, " sample"]) -> Float[Tensor, "frame pitch"]:
        """What is sung in each 40 ms begun, as high as it is."""
        return melody_frames(samples)

    def sounding(self, frames: Float[Tensor, "frame pitch"]) -> range:
        """Between the first and the last frame with a pitch of their own; all of them if there is none."""
        sung = (frames.amax(dim=1) > _SUNG).nonzero()[:, 0]
        return range(int(sung[0]), int(sung[-1]) + 1) if len(sung) else range(len(frames))

    def stretches(self, frames: Float[Tensor, "frame pitch"]) -> list[range]:
        """All that sounds, together: rests belong to a melody."""
        return [self.sounding(frames)]

    def normalised(
        self, frames: Float[Tensor, "batch frame pitch"], lengths: Int64[Tensor, " batch"]
    ) -> Float[Tensor, "batch frame bin"]:
        """Less what the clip is measured from."""
        return relative_frames(frames, lengths, reference=self.config.reference)

    def acoustics(self, frames: Float[Tensor, "frame bin"]) -> Float[Tensor, "frame dim"]:
        """None: two pitches are alike or they are not."""
        return frames[:, :0]


def find_front(config: FrontConfig) -> FrontEnd:
    """The front end of these settings."""
    if isinstance(config, SpeechFrontConfig):
        return SpeechFront(config)
    if isinstance(config, MusicFrontConfig):
        return MusicFront(config)
    return MfccFront() if isinstance(config, MfccFrontConfig) else StftFront(config)


def _inside(frames: Tensor, lengths: Tensor) -> Tensor:
    return torch.arange(frames.shape[1], device=frames.device) < lengths[:, None]


def _level(frames: Tensor) -> Tensor:
    """Loudness of frames of ln power, dB."""
    return (frames.logsumexp(dim=-1)) * _DECIBEL


def _quiet(level: Tensor, *, near: int, trim_db: float) -> Tensor:
    """The level below which each frame is quiet, dB."""
    size = 2 * near + 1
    loudest = functional.max_pool1d(level[None], size, stride=1, padding=near)[0]
    steady = functional.avg_pool1d(level[None], _SMOOTH, stride=1, padding=_SMOOTH // 2, count_include_pad=False)
    quietest = -functional.max_pool1d(-steady, size, stride=1, padding=near)[0]
    return torch.minimum(torch.maximum(loudest - trim_db, quietest + _RISE_DB), loudest - _FALL_DB)


def _standard(frames: Tensor, weight: Tensor, inside: Tensor, *, shared: bool) -> Tensor:
    """Less the weighted mean, over the weighted deviation: of each number, or one of all."""
    centred = frames - (weight * frames).sum(dim=1, keepdim=True)
    variance = (weight * centred.square()).sum(dim=1, keepdim=True)
    variance = variance.mean(dim=2, keepdim=True) if shared else variance
    found = centred / variance.sqrt().clamp(min=_LEAST_DEVIATION)
    return torch.where(inside[..., None], found, 0)


def _bands(config: SpeechFrontConfig) -> MelSettings:
    return MelSettings(
        sample_rate=_RATE,
        n_fft=400,
        hop=160,
        bands=config.bands,
        low_hz=config.low_hz,
        high_hz=config.high_hz,
        norm="sum",
        unit="sine",
        aligned="middle",
    )
