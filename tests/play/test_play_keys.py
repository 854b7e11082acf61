"""Keys at a terminal, and the terminal afterwards."""

import os
import sys
import time
from collections.abc import Iterator

import pytest
import torch

from smalti.core import Condition, Parameter, ParameterError, Schema
from smalti.generate import Knobs, Sampling
from smalti.play import Controls, Panel, hearing_keys

termios = pytest.importorskip("termios")
SCHEMA = Schema(("rain", "wind"), (Parameter(name="rate", unit="Hz", high=10), Parameter(name="size")))


class Board:
    """A panel with what it turns."""

    def __init__(self) -> None:
        self.stopped = 0
        asked = Condition(torch.zeros(1, 1).long(), torch.full((1, 1, 2), torch.nan))
        self.knobs = Knobs(SCHEMA, asked, sampling=Sampling(guidance=2))
        self.controls = Controls(self.knobs, self._stop)
        self.panel = Panel(self.knobs, self.controls, lambda: "3.0 s")

    def _stop(self) -> None:
        self.stopped += 1

    def values(self) -> dict[str, float | None]:
        return {dial.name: dial.value for dial in self.knobs.dials()}


@pytest.fixture
def terminal() -> Iterator[tuple[int, int]]:
    ours, theirs = os.openpty()
    yield ours, theirs
    os.close(ours)
    os.close(theirs)


def test_keys_choose_knobs_and_move_them() -> None:
    board = Board()
    board.panel.press("\x1b[C\x1b[C\x1b[D")
    assert board.values() == {"rate": pytest.approx(5.2), "size": None}
    board.panel.press("\x1b[B9")
    assert board.values() == {"rate": pytest.approx(5.2), "size": 1.0}
    board.panel.press("\x1b[A0")
    assert board.values() == {"rate": 0.0, "size": 1.0}
    board.panel.press("\x1b[A\x1b[D")  # from the first to the last
    assert board.values() == {"rate": 0.0, "size": pytest.approx(0.98)}


def test_keys_choose_labels_and_how_codes_are_chosen() -> None:
    board = Board()
    board.panel.press("l")
    assert board.knobs.label == "wind"
    board.panel.press("ll")
    assert board.knobs.label == "rain"
    board.panel.press("TTtg?\x1b[Z")
    assert board.knobs.sampling().temperature == pytest.approx(1.1)
    assert board.knobs.sampling().guidance == pytest.approx(2 / 1.1)
    board.panel.press("q")
    assert board.stopped == 1 and board.controls.refused == 0


def test_what_keys_cannot_do_is_refused_and_the_sound_goes_on() -> None:
    board = Board()
    board.panel.press("G" * 100)
    assert board.controls.refused > 0 and 90 < board.knobs.sampling().guidance <= 100


def test_the_line_says_how_it_stands() -> None:
    board = Board()
    board.panel.press("\x1b[C")
    line = board.panel.line()
    assert line.plain.startswith("rain  rate 5.2 Hz  size –  temperature 1.00  guidance 2.00  3.0 s")
    assert [line.plain[span.start : span.end].strip() for span in line.spans if span.style == "reverse"] == [
        "rate 5.2 Hz"
    ]


def test_keys_of_a_model_without_knobs_do_nothing() -> None:
    knobs = Knobs(Schema(), Condition.empty(1, 1, 0), sampling=Sampling())
    panel = Panel(knobs, Controls(knobs, lambda: None), str)
    panel.press("\x1b[A\x1b[C5l")
    assert panel.line().plain.startswith("no label  temperature") and knobs.label is None


@pytest.mark.parametrize("ending", [None, ValueError, KeyboardInterrupt])
def test_the_terminal_is_left_as_it_was_found(
    terminal: tuple[int, int], ending: type[BaseException] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours, theirs = terminal
    before, board = termios.tcgetattr(theirs), Board()

    def listen() -> None:
        with hearing_keys(board.panel, theirs):
            assert not termios.tcgetattr(theirs)[3] & (termios.ICANON | termios.ECHO)
            assert termios.tcgetattr(theirs)[3] & termios.ISIG  # Ctrl-C stays what it is
            os.write(ours, b"\x1b[Cq")
            deadline = time.perf_counter() + 10
            while not board.stopped and time.perf_counter() < deadline:
                time.sleep(0.005)
            if ending is not None:
                raise ending

    if ending is None:
        listen()
    else:
        with pytest.raises(ending):
            listen()
    assert termios.tcgetattr(theirs) == before
    assert board.stopped == 1 and board.values()["rate"] == pytest.approx(5.2)


def test_what_is_no_terminal_has_no_keys() -> None:
    with (
        open(os.devnull) as nothing,  # noqa: PTH123
        pytest.raises(ParameterError, match="--no-keys"),
        hearing_keys(Board().panel, nothing.fileno()),
    ):
        pass
    assert "termios" in sys.modules
