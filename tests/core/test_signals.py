"""Signals are kept while C calls back, and act as ever behind it."""

import signal
import threading

import pytest

from smalti.core import signals_held


def test_ctrl_c_waits_for_the_end_and_handlers_are_as_before() -> None:
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    done: list[str] = []
    with pytest.raises(KeyboardInterrupt), signals_held():
        signal.raise_signal(signal.SIGINT)
        done.append("all of it")
    assert done == ["all of it"]
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


def test_an_error_inside_is_not_lost_behind_it() -> None:
    with pytest.raises(KeyboardInterrupt) as found, signals_held():
        signal.raise_signal(signal.SIGINT)
        raise ValueError("of the work")
    assert isinstance(found.value.__context__, ValueError)


def test_another_thread_holds_nothing_and_may_use_it_all_the_same() -> None:
    before, seen = signal.getsignal(signal.SIGINT), []

    def work() -> None:
        with signals_held():
            seen.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [before]
