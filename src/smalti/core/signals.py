"""SIGTERM and Ctrl-C may not strike where C calls back into Python: what is raised there is lost, C sees an error."""

import signal
import threading
from collections.abc import Generator
from contextlib import contextmanager
from types import FrameType

ENDINGS = (signal.SIGTERM, signal.SIGINT)


@contextmanager
def signals_held() -> Generator[None]:
    """Keep SIGTERM and Ctrl-C that come inside until its end, where they act as ever.

    In other threads than the main one nothing is held: Python runs its handlers only there.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[int] = []

    def keep(number: int, _frame: FrameType | None) -> None:
        came.append(number)

    # None: a handler that is not Python's own, which needs no holding and could not be put back
    before = {number: handler for number in ENDINGS if (handler := signal.getsignal(number)) is not None}
    try:
        for number in before:
            signal.signal(number, keep)
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        for number in came:
            signal.raise_signal(number)
