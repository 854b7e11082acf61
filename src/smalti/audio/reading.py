"""The one audio reader: what it gives is sound, and what was wrong with the file has a name."""

import math
import stat
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

import numpy as np
import torch
from jaxtyping import Float, Float32
from torch import Tensor

from smalti.audio import chunks, flac, mpeg, ogg
from smalti.audio.claims import DAMAGE, FLAGS, Claims
from smalti.audio.decode import Decoder, open_media, open_sound
from smalti.audio.limits import MAX_READ_SAMPLES, MAX_SECONDS
from smalti.audio.quality import Quality
from smalti.audio.refusals import naming, shown
from smalti.audio.resampling import Resampler, require_rate
from smalti.audio.sniff import HEAD_BYTES, media_name, sniff
from smalti.core import Audio, DataError, ParameterError

_FLAC_BITS = (8, 16, 24)  # that libsndfile decodes
_MARGIN = 512  # samples of the lower rate that a crop is decoded longer on both sides, for the resampling filter


class DamageWarning(UserWarning):
    """A file was read although part of it is missing or damaged; names the file and its flags."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileReport:
    """What reading a whole file showed.

    Attributes:
        seconds: true duration, frames / sample_rate.
        sample_rate: in Hz, as stored.
        frames: samples per channel that were decoded.
        format: container and coding, such as "WAV/PCM_16".
        flags: names of `smalti.audio.FLAGS`; empty if nothing is odd.
    """

    path: Path
    seconds: float
    sample_rate: int
    channels: int
    frames: int
    format: str
    flags: tuple[str, ...]


class AudioFile:
    """One recording, open for reading from front to back; use it in a `with` block.

    Attributes:
        path: the file.
        sample_rate: in Hz, as stored.
        channels: as stored; what is read is their mean.
        format: container and coding, such as "FLAC/PCM_16".
        frames: samples per channel that the header promises; None if it does not say. Never trusted.
        flags: names of `smalti.audio.FLAGS`, complete once all blocks were read.
    """

    def __init__(self, path: str | Path, *, whole: bool = True) -> None:
        """Open a file and check its header; if `whole`, also all that can be checked without decoding.

        Raises:
            DataError: naming the file and why it cannot be read.
        """
        self.path = Path(path)
        with naming(self.path):
            self._file = _open(self.path)
            try:
                self._claims, self._decoder = _examine(self._file, whole=whole)
            except BaseException:
                self._file.close()
                raise
        self.sample_rate, self.channels = self._decoder.sample_rate, self._decoder.channels
        self.format, self.frames = self._decoder.format, self._decoder.frames
        self.flags: tuple[str, ...] = self._claims.flags
        self._whole, self._start = whole, 0
        self._quality = Quality(sample_rate=self.sample_rate, channels=self.channels, lossy=self._decoder.lossy)

    def __enter__(self) -> "AudioFile":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._decoder.close()
        self._file.close()

    def skip(self, frames: int) -> None:
        """Begin at this frame (at the stored rate) instead of the first; before anything is read."""
        self._start = frames

    def mono(self) -> Iterator[Float32[np.ndarray, " frame"]]:
        """The mean of all channels at the stored rate, in blocks of the decoder's choice; can be read once.

        Raises:
            DataError: where a block cannot be decoded or is no sound; at the end, if there was nothing.
        """
        with naming(self.path):
            for block in self._decoder.blocks(self._start):
                mix = block[:, 0] if self.channels == 1 else block.mean(axis=1, dtype=np.float32)
                self._quality.update(block, mix)
                if self._quality.frames > MAX_SECONDS * self.sample_rate:
                    raise DataError(f"is longer than {MAX_SECONDS / 3600:.0f} hours; split it")
                yield mix
            self._close_books()

    def blocks(
        self, *, sample_rate: int | None = None, block_seconds: float = 10.0
    ) -> Iterator[Float[Tensor, " sample"]]:
        """Mono blocks of equal length (the last may be shorter) at `sample_rate` Hz; can be read once.

        All blocks together equal `read` of the whole file, whatever their length; memory stays that of one block.

        Raises:
            ParameterError: for an impossible rate or block length.
            DataError: as `mono`.
        """
        rate = sample_rate or self.sample_rate
        require_rate(rate)
        size = _whole_number(block_seconds * rate, "block_seconds", least=1)
        waiting, count = [np.zeros(0, np.float32)], 0
        for piece in self._resampled(rate):
            waiting.append(piece)
            count += len(piece)
            if count >= size:
                joined = np.concatenate(waiting)
                cuts = range(0, count - size + 1, size)
                yield from (torch.from_numpy(joined[at : at + size]) for at in cuts)
                waiting = [joined[len(cuts) * size :].copy()]
                count = len(waiting[0])
        if count:
            yield torch.from_numpy(np.concatenate(waiting))

    def report(self) -> FileReport:
        """Read to the end and say what was found.

        Raises:
            DataError: as `mono`.
        """
        for _ in self.mono():
            pass
        frames = self._quality.frames
        return FileReport(
            path=self.path,
            seconds=frames / self.sample_rate,
            sample_rate=self.sample_rate,
            channels=self.channels,
            frames=frames,
            format=self.format,
            flags=self.flags,
        )

    def _resampled(self, rate: int) -> Iterator[Float32[np.ndarray, " sample"]]:
        resampler = Resampler(self.sample_rate, rate)
        for mix in self.mono():
            yield resampler.push(mix)
        yield resampler.push(np.zeros(0, np.float32), last=True)

    def _close_books(self) -> None:
        """Hold what was read against what was promised."""
        if self._start:
            return
        if not self._quality.frames:
            cut = " and it is cut short" if "cut-short" in self.flags else ""
            raise DataError(f"no audio frames: nothing follows its header{cut}; restore it or leave it out")
        found = {*self._claims.flags, *self._quality.flags()}
        if not self._decoder.checksum_fits:
            found.add("checksum")
        if self._whole and self._quality.frames < self._promised():
            found.add("cut-short")
        self.flags = tuple(name for name in FLAGS if name in found)

    def _promised(self) -> int:
        lossless = self._claims.frames is None and self.format.startswith("OGG")
        return (self.frames or 0) if lossless else (self._claims.frames or 0)


def read(
    path: str | Path, *, sample_rate: int | None = None, start: float = 0.0, seconds: float | None = None
) -> Audio:
    """Read a recording, or a part of it, as mono audio (the mean of its channels), a batch of one.

    Peaks above full scale are kept. A part equals the same part of the whole.

    Args:
        sample_rate: in Hz; None keeps the stored one.
        start: first second to give.
        seconds: how many; None reads to the end. Fewer are given if the file ends before.
    Raises:
        ParameterError: for an impossible rate, start or duration.
        DataError: naming the file and why it cannot be read: no sound, nothing at `start`, samples that are NaN,
            infinite or beyond 1e10, or more than 2²⁸ samples at once (use `blocks`).
    Warns:
        DamageWarning: if the file is cut short or damaged but could be read.
    """
    if start == 0 and seconds is None:
        with AudioFile(path) as file:
            samples = _collect(file, sample_rate or file.sample_rate, math.inf)
            _warn(file)
        return Audio.single(samples, sample_rate or file.sample_rate)
    return _crop(Path(path), sample_rate, start, math.inf if seconds is None else seconds)


def blocks(
    path: str | Path, *, sample_rate: int | None = None, block_seconds: float = 10.0
) -> Iterator[Float[Tensor, " sample"]]:
    """Read a recording of any length as mono blocks of `block_seconds`; the last may be shorter.

    All blocks together equal `read(path)`, whatever their length; memory stays that of one block.

    Raises:
        ParameterError: for an impossible rate or block length.
        DataError: naming the file and why it, or its next block, cannot be read.
    Warns:
        DamageWarning: after the last block, if the file is cut short or damaged.
    """
    with AudioFile(path) as file:
        yield from file.blocks(sample_rate=sample_rate, block_seconds=block_seconds)
        _warn(file)


def inspect(path: str | Path) -> FileReport:
    """Read a whole file in blocks and report what it is and what is odd about it.

    Raises:
        DataError: naming the file and why it cannot be used.
    """
    with AudioFile(path) as file:
        return file.report()


def _open(path: Path) -> BinaryIO:
    try:
        kind = path.stat().st_mode
    except ValueError as error:
        raise DataError(f"its name cannot be used ({error}); rename it") from error
    if stat.S_ISDIR(kind):
        raise DataError("is a folder, not a recording")
    if not stat.S_ISREG(kind):
        raise DataError("is a device or pipe, not a file")
    return path.open("rb")


def _examine(file: BinaryIO, *, whole: bool) -> tuple[Claims, Decoder]:
    head = file.read(HEAD_BYTES)
    size = file.seek(0, 2)
    kind = sniff(head)
    if kind == "media":
        return Claims(), open_media(file, media_name(head) or kind)
    if kind == "mpeg" and head[:3] == b"ID3" and _flac_follows(file, head):
        kind = "flac"
    if kind in ("flac", "ogg", "mpeg"):
        examine = {"flac": flac.examine, "ogg": ogg.examine, "mpeg": mpeg.examine}[kind]
        claims = examine(file, size, whole=whole)
        if kind == "flac" and claims.bits not in _FLAC_BITS:
            return claims, open_media(file, f"FLAC of {claims.bits} bits a sample")
    else:
        claims = chunks.examine(file, size)
    return claims, open_sound(file, claims)


def _flac_follows(file: BinaryIO, head: bytes) -> bool:
    file.seek(10 + flac.id3_length(head))
    return file.read(4) == b"fLaC"


def _collect(file: AudioFile, rate: int, most: float) -> Float[Tensor, " sample"]:
    """Samples from where the file stands, at `rate` Hz, until `most` are there."""
    pieces: list[Tensor] = []
    count = 0
    for block in file.blocks(sample_rate=rate, block_seconds=min(10.0, most / rate)):
        pieces.append(block)
        count += len(block)
        if count > MAX_READ_SAMPLES:
            raise DataError(
                f"{shown(file.path)}: is longer than {MAX_READ_SAMPLES} samples; read it with smalti.audio.blocks"
            )
        if count >= most:
            break
    return torch.cat(pieces) if pieces else torch.zeros(0)


def _crop(path: Path, sample_rate: int | None, start: float, seconds: float) -> Audio:
    with AudioFile(path, whole=False) as file:
        before, after = file.sample_rate, sample_rate or file.sample_rate
        require_rate(after)
        first = _whole_number(start * after, "start", least=0)
        count = math.inf if math.isinf(seconds) else _whole_number(seconds * after, "seconds", least=1)
        # decoding begins where a sample of the old rate and one of the new fall together
        common = math.gcd(before, after)
        margin = -(-_MARGIN * after // min(before, after))
        step = max(0, (first - margin) // (after // common))
        skip = first - step * (after // common)
        file.skip(step * (before // common))
        samples = _collect(file, after, skip + count + margin)[skip:][: min(count, MAX_READ_SAMPLES)]
    if not len(samples):
        raise DataError(f"{shown(path)}: nothing at {start:g} s, it ends before; choose an earlier start")
    return Audio.single(samples.clone(), after)


def _whole_number(value: float, name: str, *, least: int) -> int:
    if not math.isfinite(value) or round(value) < least:
        raise ParameterError(f"{name} comes to {value:g} samples; at least {least} can be read")
    return round(value)


def _warn(file: AudioFile) -> None:
    damage = [name for name in file.flags if name in DAMAGE]
    if damage:
        what = "; ".join(f"{name}: {FLAGS[name]}" for name in damage)
        warnings.warn(f"{shown(file.path)}: {what}", DamageWarning, stacklevel=3)
