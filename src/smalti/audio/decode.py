"""From a checked file to blocks of samples: libsndfile, or PyAV for what only that reads."""

import io
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module
from typing import Any, BinaryIO

import numpy as np
import soundfile
from jaxtyping import Float32

from smalti.audio.claims import Claims
from smalti.audio.flac import Md5
from smalti.audio.limits import require_shape
from smalti.audio.sniff import MEDIA_HINT
from smalti.core import DataError, signals_held

BLOCK_SAMPLES = 2**16  # decoded at once, over all channels
_LOSSY = ("VORBIS", "OPUS", "MPEG_LAYER_I", "MPEG_LAYER_II", "MPEG_LAYER_III")
_NO_TOTAL = 2**62  # libsndfile counts 2⁶³ - 1 frames where a file gives no total

Blocks = Iterator[Float32[np.ndarray, "frame channel"]]


@dataclass
class Decoder:
    """An open recording that gives its frames from first to last.

    Attributes:
        sample_rate: in Hz.
        format: container and coding, such as "WAV/PCM_16".
        frames: what the decoder expects; None if it cannot know.
        lossy: whether the coding overshoots full scale by nature.
        blocks: gives everything from some frame on; can be used once.
        checksum_fits: after the last block, False if the file's own checksum of its samples was missed.
    """

    sample_rate: int
    channels: int
    format: str
    frames: int | None
    lossy: bool
    blocks: Callable[[int], Blocks]
    close: Callable[[], None]
    checksum_fits: bool = True


def open_sound(file: BinaryIO, claims: Claims) -> Decoder:
    """Open what libsndfile reads.

    Raises:
        soundfile.LibsndfileError: as libsndfile says; also from the blocks.
        DataError: if the shape is outside the limits.
    """
    given: dict[str, Any] = {}
    if claims.raw:
        end = "BIG" if claims.big_endian else "LITTLE"
        given = {"format": "RAW", "subtype": claims.raw, "endian": end}
        given |= {"samplerate": claims.sample_rate, "channels": claims.channels}
    os.lseek(file.fileno(), 0, os.SEEK_SET)
    source: Any = _Tail(file, claims.offset) if claims.offset else file.fileno()
    with signals_held():
        sound = _Forward(source, closefd=False, **given)
    require_shape(sound.samplerate, sound.channels)
    decoder = Decoder(
        sample_rate=sound.samplerate,
        channels=sound.channels,
        format=f"{'WAV' if claims.raw else sound.format}/{sound.subtype}",
        frames=None if sound.frames >= _NO_TOTAL else sound.frames,
        lossy=sound.subtype in _LOSSY,
        blocks=sound.floats,
        close=sound.close,
    )
    if claims.md5 is not None and sound.format == "FLAC":
        decoder.blocks = lambda start: sound.floats(start) if start else _checked(sound, claims, decoder)
    return decoder


def open_media(file: BinaryIO, what: str) -> Decoder:
    """Open what only PyAV reads: the first sound stream of MP4, WebM and the like.

    Raises:
        DataError: if PyAV is not installed, saying how to get it, or if there is no sound stream.
    """
    try:
        av: Any = import_module("av")
    except ImportError as error:
        raise DataError(f"is {what}; {MEDIA_HINT}") from error
    file.seek(0)
    try:
        container = av.open(file)
    except (av.FFmpegError, ValueError) as error:
        raise DataError(f"cannot be decoded as {what} ({error}); restore it or leave it out") from error
    if not container.streams.audio:
        raise DataError(f"holds no sound stream ({what})")
    context = container.streams.audio[0].codec_context
    require_shape(context.sample_rate, context.channels)
    return Decoder(
        sample_rate=context.sample_rate,
        channels=context.channels,
        format=f"MEDIA/{context.name.upper()}",
        frames=None,
        lossy=True,
        blocks=lambda start: _media(container, av, what, start),
        close=container.close,
    )


class _Forward(soundfile.SoundFile):
    """libsndfile read from front to back: soundfile would seek after every block, which some sound files fail."""

    def seekable(self) -> bool:
        return False

    def floats(self, start: int) -> Blocks:
        """Blocks from frame `start` on, full scale ±1."""
        # lossy files are decoded from their beginning: near the end libsndfile seeks in Vorbis to a wrong place
        if start and super().seekable() and self.frames < _NO_TOTAL and self.subtype not in _LOSSY:
            self.seek(min(start, self.frames))
            start = 0
        return _without(start, self.numbers(np.float32))

    def numbers(self, kind: type[np.float32] | type[np.int32]) -> Iterator[Any]:
        """Blocks from here on; integers have full scale ±2³¹."""
        most = BLOCK_SAMPLES // self.channels
        # what follows the last frame of a FLAC file would be taken for a damaged one
        left = self.frames - self.tell() if self.format == "FLAC" and self.frames < _NO_TOTAL else None
        while len(block := self._next(np.empty((most if left is None else min(most, left), self.channels), kind))):
            left = None if left is None else left - len(block)
            yield block

    def _next(self, room: Any) -> Any:
        with signals_held():
            return self.read(out=room)


class _Tail(io.RawIOBase):
    """The end of a file, from some byte on, as a file."""

    def __init__(self, file: BinaryIO, offset: int) -> None:
        self._file, self._offset = file, offset
        self.seek(0)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        part = self._file.read(len(buffer))
        buffer[: len(part)] = part
        return len(part)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: self._offset, io.SEEK_CUR: self._file.tell()}.get(whence)
        base = self._file.seek(0, io.SEEK_END) if base is None else base
        return self._file.seek(max(base + offset, self._offset)) - self._offset

    def tell(self) -> int:
        return self._file.tell() - self._offset


def _checked(sound: _Forward, claims: Claims, decoder: Decoder) -> Blocks:
    """FLAC as integers, so that its own checksum of them can be formed on the way."""
    md5 = Md5(claims.bits)
    for block in sound.numbers(np.int32):
        md5.update(block)
        yield block.astype(np.float32) * np.float32(2.0**-31)
    decoder.checksum_fits = md5.digest() == claims.md5


def _media(container: Any, av: Any, what: str, start: int) -> Blocks:
    return _without(start, _media_frames(container, av, what))


def _media_frames(container: Any, av: Any, what: str) -> Blocks:
    to_float = av.AudioResampler(format="fltp")
    try:
        for coded in container.decode(audio=0):
            for frame in to_float.resample(coded):
                yield np.ascontiguousarray(frame.to_ndarray().T, dtype=np.float32)
    except (av.FFmpegError, ValueError) as error:
        raise DataError(f"cannot be decoded as {what} ({error}); restore it or leave it out") from error


def _without(frames: int, blocks: Blocks) -> Blocks:
    """Blocks without their first `frames`."""
    for block in blocks:
        if frames < len(block):
            yield block[frames:]
        frames = max(0, frames - len(block))
