"""Recordings as waveforms at one rate, by position and in pieces: what everything that learns from sound reads.

A long recording is many pieces, so that chances go by duration. Beyond a recording's own ends there is silence.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor

from smalti.audio import read
from smalti.core import Audio, DataError
from smalti.data.manifest import Manifest
from smalti.data.split import LEARNT

_BEGINNING = 10  # seconds


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
        self.trains = [split in LEARNT for split in splits]

    def name(self, clip: int) -> str:
        """Its path."""
        return str(self._manifest.table["path"][clip].as_py())

    def read(self, clip: int, first: int, count: int) -> Float[Tensor, " sample"]:
        """A part of it; the whole is read at once, as that needs no search for the place."""
        whole = first == 0 and count >= self.samples[clip]
        seconds = None if whole else count / self._rate
        audio = read(self._manifest.path(clip), sample_rate=self._rate, start=first / self._rate, seconds=seconds)
        return audio.samples[0, :count]


def recordings_of(
    source: Manifest | Sequence[Float[Tensor, " _"]], *, sample_rate: int, held_out: int = 0
) -> Recordings:
    """Files of a manifest at this rate in Hz; or waveforms, which are at it, the last `held_out` not for training."""
    if isinstance(source, Manifest):
        return ManifestRecordings(source, sample_rate)
    return WaveformRecordings(source, held_out=held_out)


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a recording: frames `first` to `first + frames`, of as many samples each as whoever cut it says."""

    clip: int
    first: int
    frames: int


def pieces(recordings: Recordings, *, hop: int, longest: int) -> list[Piece]:
    """The recordings for training, cut in pieces.

    Args:
        recordings: the sound; nothing is read.
        hop: samples per frame.
        longest: frames of a piece.
    Raises:
        DataError: if there is nothing to learn from.
    """
    found: list[Piece] = []
    for clip, (samples, trains) in enumerate(zip(recordings.samples, recordings.trains, strict=True)):
        found += cut(clip, frames=-(-samples // hop), longest=longest) if trains else []
    if not found:
        raise DataError("found no recording to learn from, wanted one whose split is train; check the manifest")
    return found


def cut(clip: int, *, frames: int, longest: int) -> list[Piece]:
    """One recording of so many frames in pieces of at most `longest`."""
    return [Piece(clip, first, min(longest, frames - first)) for first in range(0, frames, longest)]


def evenly(clips: Sequence[int], most: int) -> list[int]:
    """At most so many of them, evenly chosen, the first and the last among them."""
    count = min(len(clips), most)
    return [clips[round(i * (len(clips) - 1) / max(count - 1, 1))] for i in range(count)]


def held_out(recordings: Recordings) -> list[int]:
    """Positions of the recordings that are not for training."""
    return [clip for clip, trains in enumerate(recordings.trains) if not trains]


def beginnings(recordings: Recordings, clips: Sequence[int], *, sample_rate: int, most: int) -> list[Audio]:
    """The first ten seconds of some of these recordings, evenly chosen, that have sound."""
    sounding = [clip for clip in clips if recordings.samples[clip] > 0]
    chosen = evenly(sounding, most)
    return [Audio.single(recordings.read(clip, 0, _BEGINNING * sample_rate), sample_rate) for clip in chosen]


def read_padded(recordings: Recordings, clip: int, first: int, count: int) -> Float[Tensor, " sample"]:
    """Samples of a recording from `first` on, which may be negative; zeros beyond its ends."""
    begin, end = max(first, 0), min(first + count, recordings.samples[clip])
    samples = torch.zeros(count)
    if begin < end:
        found = recordings.read(clip, begin, end - begin)
        samples[begin - first : begin - first + len(found)] = found
    return samples
