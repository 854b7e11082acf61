"""One thread makes sound, another takes it; in the end it is known how that went."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from threading import Thread

import torch
from jaxtyping import Float
from torch import Tensor

from smalti.core import DataError
from smalti.play.outputs import Output
from smalti.play.queue import SoundQueue


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """How playing went.

    Attributes:
        samples: that were taken.
        seconds: from the beginning to the end.
        working: seconds of them in which sound was being made; in the others the queue was full.
        first_audio: seconds until the first sample was taken; None if none was.
        underruns: blocks that a device had to fill up with silence.
        interrupted: whether Ctrl-C ended it.
    """

    samples: int
    seconds: float
    working: float
    first_audio: float | None
    underruns: int
    interrupted: bool


def play(pieces: Iterator[Float[Tensor, " _"]], sound: SoundQueue, output: Output, *, sample_rate: int) -> Played:
    """Let an output take what another thread makes, until one of them has enough.

    Args:
        pieces: of sound, as they are made; nothing is computed before this is called.
        sound: empty; whoever calls `stop` of it ends the sound.
        output: where it goes.
        sample_rate: in Hz.
    Raises:
        What making or taking the sound raises; but Ctrl-C is a way to end it.
    """
    maker, begin, interrupted = _Maker(pieces, sound), time.perf_counter(), False
    maker.start()
    try:
        output.play(sound, sample_rate)
    except KeyboardInterrupt:
        interrupted = True
    finally:
        sound.stop()
        maker.join()
    sound.raise_error()
    return Played(
        samples=sound.taken,
        seconds=time.perf_counter() - begin,
        working=maker.working,
        first_audio=None if sound.first is None else sound.first - begin,
        underruns=sound.underruns,
        interrupted=interrupted,
    )


class _Maker(Thread):
    def __init__(self, pieces: Iterator[Tensor], sound: SoundQueue) -> None:
        super().__init__(name="smalti sound", daemon=True)
        self.working = 0.0
        self._pieces, self._sound = pieces, sound

    def run(self) -> None:
        error: BaseException | None = None
        try:
            with torch.no_grad():
                self._make()
        except BaseException as found:  # told to who takes the sound
            error = found
        self._sound.end(error)

    def _make(self) -> None:
        while True:
            begin = time.perf_counter()
            piece = next(self._pieces, None)
            self.working += time.perf_counter() - begin
            if piece is None:
                return
            if not piece.isfinite().all():
                raise DataError("the sound has samples that are NaN or infinite; check the model")
            if not self._sound.put(piece.float().cpu().numpy()):
                return
