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

_SPARE, _FORGET = 2.0, 0.9


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
    maker, begin, interrupted = _Maker(pieces, sound, sample_rate), time.perf_counter(), False
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
    """Makes pieces and keeps as much ready as the next one may take: who hears seconds at once is long in making."""

    def __init__(self, pieces: Iterator[Tensor], sound: SoundQueue, sample_rate: int) -> None:
        super().__init__(name="smalti sound", daemon=True)
        self.working = 0.0
        self._pieces, self._sound = pieces, sound
        self._sample_rate, self._least, self._longest = sample_rate, sound.ahead, 0.0

    def run(self) -> None:
        error: BaseException | None = None
        try:
            with torch.no_grad():
                self._make()
        except BaseException as found:  # told to who takes the sound
            error = found
        self._sound.end(error)

    def _make(self) -> None:
        sounded = 0.0
        while True:
            begin = time.perf_counter()
            piece = next(self._pieces, None)
            self.working += time.perf_counter() - begin
            if piece is None:
                return
            if len(piece):
                self._expect(self.working - sounded)
                sounded = self.working
            if not piece.isfinite().all():
                raise DataError("the sound has samples that are NaN or infinite; check the model")
            if not self._sound.put(piece.float().cpu().numpy()):
                return

    def _expect(self, seconds: float) -> None:
        """The next sound takes about as long to make as the longest of late, and that may be doubled by other work."""
        self._longest = max(seconds, _FORGET * self._longest)
        self._sound.ahead = max(self._least, round(_SPARE * self._longest * self._sample_rate))
