"""Between who makes sound and who hears it: a queue of samples that never holds back the one and never grows."""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator

import numpy as np
from jaxtyping import Float
from numpy import ndarray


class SoundQueue:
    """Samples on their way; one thread puts, another takes.

    Attributes:
        ahead: samples beyond which the maker waits; one piece of sound may exceed it.
        taken: samples that were handed out.
        underruns: blocks that a device had to fill up with silence, as nothing was there in time.
        first: when the first sample was handed out, on the clock of `time.perf_counter`; None before.
    """

    def __init__(self, *, ahead: int, heard: Callable[[int], None] = lambda taken: None) -> None:
        """Begin empty.

        Args:
            ahead: at first.
            heard: told how many samples have been handed out; must be quick.
        """
        self.taken, self.underruns = 0, 0
        self.first: float | None = None
        self.ahead, self._heard = ahead, heard
        self._blocks: deque[ndarray] = deque()
        self._waiting = 0
        self._ended, self._stopped = False, False
        self._error: BaseException | None = None
        self._changed = threading.Condition()

    @property
    def waiting(self) -> int:
        """Samples made and not yet taken."""
        return self._waiting

    @property
    def over(self) -> bool:
        """Whether no more will come and all is taken, or nobody wants the rest."""
        return self._ended and (self._stopped or not self._waiting)

    def put(self, samples: Float[ndarray, " sample"]) -> bool:
        """Append samples, then wait until no more than `ahead` are there; False if nobody wants any more."""
        with self._changed:
            if self._ended:
                return False
            if len(samples):
                self._blocks.append(samples)
                self._waiting += len(samples)
                self._changed.notify_all()
            self._changed.wait_for(lambda: self._ended or self._waiting <= self.ahead)
            return not self._ended

    def end(self, error: BaseException | None = None) -> None:
        """No more will come."""
        with self._changed:
            self._ended, self._error = True, self._error or error
            self._changed.notify_all()

    def stop(self) -> None:
        """Nobody wants any more: a device is silent at once, a file still takes what is there."""
        self._stopped = True
        self.end()

    def wait_for_start(self) -> None:
        """Wait until as much is there as is kept, so that a device does not begin out of breath."""
        with self._changed:
            self._changed.wait_for(lambda: self._ended or self._waiting >= self.ahead)

    def take(self, count: int) -> Float[ndarray, " {count}"]:
        """So many samples at once, without waiting: silence stands in for what is not there."""
        with self._changed:
            block = self._pop(count)
            if len(block) < count:
                self.underruns += not self._ended
                block = np.pad(block, (0, count - len(block)))
            return block

    def blocks(self) -> Iterator[Float[ndarray, " _"]]:
        """All that comes, in pieces, waiting for each.

        Raises:
            What the maker ended with, if it was an error.
        """
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._ended or self._waiting > 0)
                if not self._waiting:
                    return self.raise_error()
                block = self._pop(self._waiting)
            yield block

    def raise_error(self) -> None:
        """Raise what the maker ended with, if it was an error."""
        if self._error is not None:
            raise self._error

    def _pop(self, count: int) -> ndarray:
        pieces: list[ndarray] = []
        wanted = min(count, self._waiting)
        while wanted:
            block = self._blocks.popleft()
            if len(block) > wanted:
                self._blocks.appendleft(block[wanted:])
                block = block[:wanted]
            pieces.append(block)
            wanted -= len(block)
        if not pieces:
            return np.zeros(0, np.float32)
        if self.first is None:
            self.first = time.perf_counter()
        found = np.concatenate(pieces)
        self._waiting -= len(found)
        self.taken += len(found)
        self._heard(self.taken)
        self._changed.notify_all()
        return found
