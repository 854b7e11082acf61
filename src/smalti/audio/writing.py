"""Write recordings so that a file is either complete or not there."""

import errno
import os
import secrets
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

import numpy as np
import soundfile
from jaxtyping import Float
from torch import Tensor

from smalti.audio.refusals import shown
from smalti.core import Audio, DataError, ParameterError, StoreError, nearest, signals_held

_FORMATS = {
    ".wav": ("WAV", "PCM_16"),
    ".flac": ("FLAC", "PCM_16"),
    ".ogg": ("OGG", "VORBIS"),
    ".opus": ("OGG", "OPUS"),
    ".mp3": ("MP3", "MPEG_LAYER_III"),
}
_BLOCK = 2**16  # samples; libvorbis overruns its stack on long writes


def write(path: str | Path, audio: Audio) -> None:
    """Write one item to a file whose suffix names the format: .wav, .flac (16 bit), .ogg (Vorbis), .opus, .mp3.

    Samples beyond full scale are clipped. The file appears only when it is complete.

    Raises:
        ParameterError: for a batch of several, an unknown suffix, or a rate the format cannot hold.
        StoreError: if it cannot be written, saying why (no space left, say) and where.
    """
    if len(audio.lengths) != 1:
        raise ParameterError(f"a file holds one item, this batch {len(audio.lengths)}; write them one by one")
    with AudioWriter(path, audio.sample_rate) as writer:
        writer.push(audio.items()[0].samples[0])


class AudioWriter:
    """A recording being written block by block; use it in a `with` block, the file appears at its end."""

    def __init__(self, path: str | Path, sample_rate: int) -> None:
        """Begin a mono file at `sample_rate` Hz; the suffix names the format, as in `write`.

        Raises:
            ParameterError: for an unknown suffix or a rate the format cannot hold.
            StoreError: if the folder cannot be written.
        """
        self.path = Path(path)
        suffix = self.path.suffix.lower()
        if suffix not in _FORMATS:
            raise ParameterError(f"{shown(self.path)}: no format for {suffix!r}; {nearest(suffix, _FORMATS)}")
        container, coding = _FORMATS[suffix]
        self._exact = coding == "PCM_16"
        self._sink = _Sink(self.path)
        try:
            sink: Any = self._sink
            with signals_held():
                self._sound = soundfile.SoundFile(sink, "w", sample_rate, 1, coding, format=container)
        except BaseException as error:
            self._sink.discard()
            if not isinstance(error, soundfile.LibsndfileError):
                raise
            raise ParameterError(
                f"{shown(self.path)}: {suffix} cannot hold {sample_rate} Hz ({error.error_string}); resample it first "
                "(smalti.audio.resample)"
            ) from error

    def push(self, samples: Float[Tensor, " sample"]) -> None:
        """Append samples, full scale ±1.

        Raises:
            DataError: if one is not finite.
            StoreError: if they cannot be written.
        """
        values = samples.detach().cpu().float().numpy()
        if not np.isfinite(values).all():
            raise DataError(f"{shown(self.path)}: samples that are NaN or infinite cannot be written; check the model")
        for at in range(0, len(values), _BLOCK):
            block = np.clip(values[at : at + _BLOCK], -1.0, 1.0)
            data = np.clip(np.rint(block * 32768), -32768, 32767).astype(np.int16) if self._exact else block
            self._guarded(lambda data=data: self._sound.write(data))

    def __enter__(self) -> "AudioWriter":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self._guarded(self._sound.close)
                self._sink.commit()
        finally:
            try:
                with suppress(soundfile.SoundFileError), signals_held():
                    self._sound.close()
            finally:
                self._sink.discard()

    def _guarded(self, action: Any) -> None:
        try:
            with signals_held():
                action()
        except (soundfile.SoundFileError, AssertionError) as error:  # soundfile asserts that all was written
            self._sink.check()
            raise StoreError(f"{shown(self.path)}: cannot be written ({error}); choose another folder") from error
        self._sink.check()


class _Sink:
    """A temporary file beside the target that remembers why a write failed: libsndfile does not."""

    def __init__(self, path: Path) -> None:
        self._path, self._error, self._written = path, None, 0
        self._temporary = path.parent / f".smalti-{secrets.token_hex(8)}.tmp"
        try:
            self._file: BinaryIO = self._temporary.open("x+b")
        except OSError as error:
            raise StoreError(f"{shown(path)}: cannot be written ({error.strerror}); choose another folder") from error

    def write(self, data: bytes) -> int:
        try:
            self._file.write(data)
            self._written += len(data)
        except OSError as error:
            self._error = error
            return 0
        return len(data)

    def readinto(self, buffer: Any) -> int:
        data = self._file.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def check(self) -> None:
        """Raise what went wrong, if something did."""
        if self._error is None:
            return
        full = self._error.errno in (errno.ENOSPC, errno.EFBIG, errno.EDQUOT)
        what = "no space left" if full else self._error.strerror
        raise StoreError(
            f"{shown(self._path)}: {what} after {self._written} bytes; free some space or choose another folder"
        ) from self._error

    def commit(self) -> None:
        """Make the file whole, give it its name and make the name last."""
        try:
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
            self._temporary.replace(self._path)
            folder = os.open(self._path.parent, os.O_RDONLY)
            os.fsync(folder)
            os.close(folder)
        except OSError as error:
            self._error = error
            self.check()

    def discard(self) -> None:
        """Remove the temporary file, if it is still there."""
        with suppress(OSError):
            self._file.close()
        self._temporary.unlink(missing_ok=True)
