"""What the codec learns from: recordings in pieces, as pictures with their neighbourhood.

A long recording is many pieces, so that chances go by duration; a piece's picture reaches over its ends far enough
for any crop, and beyond the recording's own ends there is silence. Pictures are kept in memory up to a limit and
drawn again beyond it; half precision either way, so that the limit changes nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor

from smalti.audio import read
from smalti.core import DataError
from smalti.data.manifest import Manifest
from smalti.features import MelSettings, log_mel

_PIECE_SECONDS = 20.0


@runtime_checkable
class Recordings(Protocol):
    """Waveforms at one rate, by position."""

    @property
    def samples(self) -> Sequence[int]: ...
    @property
    def trains(self) -> Sequence[bool]: ...
    def name(self, clip: int) -> str: ...
    def read(self, clip: int, first: int, count: int) -> Float[Tensor, " sample"]: ...


class WaveformRecordings:
    """Waveforms in memory, all for training but the last `held_out`."""

    def __init__(self, waveforms: Sequence[Float[Tensor, " _"]], *, held_out: int = 0) -> None:
        self._waveforms = waveforms
        self.samples = [len(waveform) for waveform in waveforms]
        self.trains = [position < len(waveforms) - held_out for position in range(len(waveforms))]

    def name(self, clip: int) -> str:
        """Its position."""
        return f"waveform {clip}"

    def read(self, clip: int, first: int, count: int) -> Float[Tensor, " sample"]:
        """A part of it."""
        return self._waveforms[clip][first : first + count]


class ManifestRecordings:
    """Files of a manifest; those whose split is "train", or not told, are for training. Needs its `seconds` column."""

    def __init__(self, manifest: Manifest, sample_rate: int) -> None:
        self._manifest, self._rate = manifest, sample_rate
        seconds = manifest.values("seconds")
        self.samples = [round(duration * sample_rate) for duration in seconds.tolist()]
        names = manifest.table.column_names
        splits = manifest.table["split"].to_pylist() if "split" in names else [None] * manifest.rows
        self.trains = [split in (None, "", "train") for split in splits]

    def name(self, clip: int) -> str:
        """Its path."""
        return str(self._manifest.table["path"][clip].as_py())

    def read(self, clip: int, first: int, count: int) -> Float[Tensor, " sample"]:
        """A part of it; the whole is read at once, as that needs no search for the place."""
        whole = first == 0 and count >= self.samples[clip]
        seconds = None if whole else count / self._rate
        audio = read(self._manifest.path(clip), sample_rate=self._rate, start=first / self._rate, seconds=seconds)
        return audio.samples[0, :count]


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a recording: mel frames `first` to `first + frames`."""

    clip: int
    first: int
    frames: int


class PictureClips:
    """Pictures to learn from.

    Attributes:
        training: pieces of the recordings for training.
        held_out: positions of the other recordings.
    """

    def __init__(self, recordings: Recordings, picture: MelSettings, *, margin: int, memory: int) -> None:
        """Lay recordings out in pieces; nothing is read yet.

        Args:
            recordings: the sound, at the picture's rate.
            picture: how it is drawn.
            margin: frames that a crop may reach over a piece's ends.
            memory: MiB of pictures to keep.
        Raises:
            DataError: if there is nothing to learn from.
        """
        self.recordings, self._picture, self._margin = recordings, picture, margin
        self._room = memory * 2**20
        self._kept: dict[Piece, Tensor] = {}
        longest = int(_PIECE_SECONDS * picture.sample_rate / picture.hop)
        self.training: list[Piece] = []
        self.held_out: list[int] = []
        for clip, (samples, trains) in enumerate(zip(recordings.samples, recordings.trains, strict=True)):
            if not trains:
                self.held_out.append(clip)
                continue
            frames = -(-samples // picture.hop)
            starts = range(0, frames, longest)
            self.training.extend(Piece(clip, first, min(longest, frames - first)) for first in starts)
        if not self.training:
            raise DataError("found no recording to learn from, wanted one whose split is train; check the manifest")

    def frames_of(self, piece: Piece) -> int:
        """Mel frames of the piece's whole recording."""
        return -(-self.recordings.samples[piece.clip] // self._picture.hop)

    def crop(self, piece: Piece, *, start: int, frames: int) -> Float[Tensor, "band frame"]:
        """Some frames of a recording, counted from the piece's first; silence beyond the recording's ends."""
        picture = self._drawn(piece)
        crop = torch.zeros(picture.shape[0], frames)
        begin = start + self._margin
        low, high = max(begin, 0), min(begin + frames, picture.shape[1])
        crop[:, low - begin : high - begin] = picture[:, low:high]
        return crop

    def _drawn(self, piece: Piece) -> Float[Tensor, "band frame"]:
        """The piece's picture and `margin` frames at either side."""
        if piece in self._kept:
            return self._kept[piece]
        hop, half = self._picture.hop, self._picture.n_fft // 2
        first = (piece.first - self._margin) * hop - half
        count = (piece.frames + 2 * self._margin - 1) * hop + 2 * half
        samples = self._read(piece.clip, first, count)
        drawn = log_mel(samples[None], self._picture, centred=False)[0].half()
        if drawn.nbytes <= self._room:
            self._room -= drawn.nbytes
            self._kept[piece] = drawn
        return drawn

    def _read(self, clip: int, first: int, count: int) -> Float[Tensor, " sample"]:
        """Samples of a recording, zeros beyond its ends."""
        begin, end = max(first, 0), min(first + count, self.recordings.samples[clip])
        found = self.recordings.read(clip, begin, end - begin)
        samples = torch.zeros(count)
        samples[begin - first : begin - first + len(found)] = found
        return samples
