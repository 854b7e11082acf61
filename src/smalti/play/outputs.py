"""Where sound goes that is heard while it is made: a file, standard output, or a device that only keeps the time."""

import struct
import time
from pathlib import Path
from typing import BinaryIO, Protocol, runtime_checkable

import numpy as np
import torch

from smalti.audio import AudioWriter
from smalti.play.queue import SoundQueue

_STEP = 0.01  # seconds of a null device's blocks


@runtime_checkable
class Output(Protocol):
    """Takes sound out of a queue, each in its own time."""

    def play(self, sound: SoundQueue, sample_rate: int) -> None:
        """Take all of it, at `sample_rate` Hz; ends when the queue is over."""
        ...


class FileOutput:
    """A recording that is written as fast as sound is made; it appears, whole, even if playing is interrupted."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def play(self, sound: SoundQueue, sample_rate: int) -> None:
        """Write all of it.

        Raises:
            ParameterError: for an unknown suffix, or a rate that the format cannot hold.
            StoreError: if it cannot be written.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        stopped: BaseException | None = None
        with AudioWriter(self.path, sample_rate) as writer:
            try:
                for block in sound.blocks():
                    writer.push(torch.from_numpy(block))
            except BaseException as error:
                if isinstance(error, Exception):
                    raise
                stopped = error  # Ctrl-C or the like: what is written becomes a whole file first
        if stopped is not None:
            raise stopped


class StandardOutput:
    """A WAV stream, 16 bit mono, for a pipe to a player; its header gives no length, as nobody knows it."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def play(self, sound: SoundQueue, sample_rate: int) -> None:
        """Write all of it, each piece at once."""
        self._stream.write(wave_header(sample_rate))
        for block in sound.blocks():
            whole = np.clip(np.rint(block * 32768), -32768, 32767).astype("<i2")
            self._stream.write(whole.tobytes())
            self._stream.flush()


class NullDevice:
    """Takes sound at the pace of a sound card and lets nobody hear it: measures whether this machine keeps up."""

    def play(self, sound: SoundQueue, sample_rate: int) -> None:
        """Take a hundredth of a second at a time."""
        count = round(_STEP * sample_rate)
        sound.wait_for_start()
        due = time.perf_counter()
        while not sound.over:
            sound.take(count)
            due += count / sample_rate
            time.sleep(max(0.0, due - time.perf_counter()))


def wave_header(sample_rate: int) -> bytes:
    """The 44 bytes before 16 bit mono samples of unknown number, which is written as the largest there is."""
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, sample_rate, 2 * sample_rate, 2, 16)
    return struct.pack("<4sI4s", b"RIFF", 0xFFFFFFFF, b"WAVE") + form + struct.pack("<4sI", b"data", 0xFFFFFFFF)
