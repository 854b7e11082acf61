"""Knobs turned at the keyboard, with one line that says how they stand; the terminal is left as it was found."""

import contextlib
import os
import select
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from importlib.util import find_spec
from threading import Event, Thread

from rich.console import Console
from rich.live import Live
from rich.text import Text

from smalti.core import ParameterError
from smalti.generate import Dial, Knobs
from smalti.play.osc import Message
from smalti.play.remote import Controls

HELP = "↑↓ choose · ←→ move · 0-9 place · l label · t T temperature · g G guidance · q end"
_STEP, _FACTOR = 0.02, 1.1  # of a knob's range; of temperature and guidance
_POLL = 0.1  # seconds
_ARROWS = {"A": "up", "B": "down", "C": "right", "D": "left"}


class Panel:
    """What keys do to knobs, and how that looks.

    Args:
        knobs: that are turned.
        controls: which refuse what cannot be.
        state: more to show, such as how long it plays.
    """

    def __init__(self, knobs: Knobs, controls: Controls, state: Callable[[], str]) -> None:
        self._knobs, self._controls, self._state = knobs, controls, state
        self._chosen = 0

    def press(self, keys: str) -> None:
        """Do what some keys ask for; arrows are the three characters that a terminal sends."""
        while keys:
            arrow = keys.startswith("\x1b[") and _ARROWS.get(keys[2:3])
            self._press(arrow or keys[0])
            keys = keys[3:] if arrow else keys[1:]

    def line(self) -> Text:
        """How it stands now."""
        dials, sampling = self._knobs.dials(), self._knobs.sampling()
        text = Text(f"{self._knobs.label or 'no label'}  ", "bold", no_wrap=True, overflow="ellipsis")
        for place, dial in enumerate(dials):
            text.append(f"{_shown(dial)}  ", "reverse" if place == self._place(dials) else "none")
        text.append(f"temperature {sampling.temperature:.2f}  guidance {sampling.guidance:.2f}  {self._state()}  ")
        return text.append(HELP, "dim")

    def _place(self, dials: list[Dial]) -> int:
        return self._chosen % len(dials) if dials else 0

    def _press(self, key: str) -> None:
        dials, sampling = self._knobs.dials(), self._knobs.sampling()
        name = dials[self._place(dials)].name if dials else None
        if key in ("up", "down"):
            self._chosen = self._place(dials) + (1 if key == "down" else -1)
        elif key in ("left", "right") and name is not None:
            self._knobs.nudge(name, _STEP if key == "right" else -_STEP)
        elif key.isdecimal() and name is not None:
            self._knobs.nudge(name, -1)
            self._knobs.nudge(name, int(key) / 9)
        elif key == "l":
            self._ask("/label", self._next_label())
        elif key in "tT":
            self._ask("/temperature", sampling.temperature * (_FACTOR if key == "T" else 1 / _FACTOR))
        elif key in "gG":
            self._ask("/guidance", sampling.guidance * (_FACTOR if key == "G" else 1 / _FACTOR))
        elif key == "q":
            self._controls.obey(Message("/quit"))

    def _ask(self, address: str, value: float | str) -> None:
        self._controls.obey(Message(address, (value,)))

    def _next_label(self) -> str:
        labels = ("", *self._knobs.schema.labels)
        return labels[(labels.index(self._knobs.label or "") + 1) % len(labels)]


def can_hear_keys() -> bool:
    """Whether somebody sits at a terminal."""
    return find_spec("termios") is not None and sys.stdin.isatty() and sys.stderr.isatty()


@contextmanager
def hearing_keys(panel: Panel, terminal: int) -> Generator[None, None, None]:
    """Hear every key at once, and show the panel on stderr; Ctrl-C stays what it is.

    Args:
        panel: that is told.
        terminal: file descriptor of one.
    Raises:
        ParameterError: if it is none.
    """
    import termios
    import tty

    try:
        before = termios.tcgetattr(terminal)
    except termios.error as error:
        raise ParameterError(f"no keys can be heard here ({error}); leave them out (--no-keys)") from error
    done = Event()
    thread = Thread(target=_hear, args=(panel, terminal, done), name="smalti keys", daemon=True)
    try:
        tty.setcbreak(terminal)
        thread.start()
        with Live(get_renderable=panel.line, console=Console(stderr=True), refresh_per_second=8, transient=True):
            yield
    finally:
        termios.tcsetattr(terminal, termios.TCSADRAIN, before)
        done.set()
        with contextlib.suppress(RuntimeError):  # it was never started
            thread.join()


def _hear(panel: Panel, terminal: int, done: Event) -> None:
    while not done.is_set():
        if select.select([terminal], [], [], _POLL)[0]:
            keys = os.read(terminal, 64)
            if not keys:
                return
            panel.press(keys.decode("utf-8", "ignore"))


def _shown(dial: Dial) -> str:
    return f"{dial.name} {'–' if dial.value is None else f'{dial.value:.4g}'}{dial.unit and ' ' + dial.unit}"
