"""SIGTERM and Ctrl-C end a run in good order: at the next step, after a checkpoint. A second one ends it at once."""

import signal
import threading
from collections.abc import Generator
from contextlib import contextmanager
from types import FrameType

_CODES = {signal.SIGTERM: 143, signal.SIGINT: 130}


class Interrupted(Exception):
    """A run was stopped from outside, after saving a checkpoint; not an error of anyone.

    Attributes:
        code: exit code to end with, 143 after SIGTERM, 130 after Ctrl-C.
    """

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


class Stop:
    """Whether a signal has asked to stop.

    Attributes:
        code: exit code that goes with the signal; 0 as long as there was none.
    """

    def __init__(self) -> None:
        self.code = 0


@contextmanager
def interrupts() -> Generator[Stop, None, None]:
    """Catch the first SIGTERM or Ctrl-C; from then on both act as ever. Only the main thread can catch them."""
    stop = Stop()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    before = {number: signal.getsignal(number) for number in _CODES}

    def note(number: int, _frame: FrameType | None) -> None:
        stop.code = _CODES[signal.Signals(number)]
        for one, handler in before.items():
            signal.signal(one, handler)

    try:
        for number in _CODES:
            signal.signal(number, note)
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
