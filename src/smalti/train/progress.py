"""How far a long piece of work is and how long it will take: a bar on a terminal, now and then a line elsewhere."""

import time
from collections.abc import Generator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

_LINES = 10  # over the whole work, where there is no terminal


class Progress:
    """Work in progress, told by `update`."""

    def __init__(self, total: int, *, title: str, start: int, console: Console | None, bar: Bar | None) -> None:
        self._total, self._title, self._start = total, title, start
        self._console, self._bar = console, bar
        self._task = bar.add_task(title, total=total, completed=start, note="") if bar else None
        self._began, self._told = time.monotonic(), start * _LINES // max(total, 1)

    def update(self, done: int, note: str = "") -> None:
        """Say how much is done, and a few words about it."""
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, completed=done, note=note)
        elif self._console is not None and done * _LINES // max(self._total, 1) > self._told:
            self._told = done * _LINES // max(self._total, 1)
            self._console.print(self._line(done, note), markup=False, highlight=False)

    def _line(self, done: int, note: str) -> str:
        spent = time.monotonic() - self._began
        left = spent / max(done - self._start, 1) * (self._total - done)
        return f"{self._title} {done}/{self._total}  {note}  {spent:.0f} s, {left:.0f} s left"


@contextmanager
def progress_bar(total: int, *, title: str, start: int = 0, shown: bool = True) -> Generator[Progress, None, None]:
    """Show progress on stderr while the `with` block lasts.

    Args:
        total: of whatever `update` counts.
        start: what was done before.
        shown: False shows nothing at all.
    """
    console = Console(stderr=True)
    if not (shown and console.is_terminal):
        yield Progress(total, title=title, start=start, console=console if shown else None, bar=None)
        return
    times = (TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn())
    note = TextColumn("{task.fields[note]}", markup=False)
    with Bar(TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), *times, note, console=console) as bar:
        yield Progress(total, title=title, start=start, console=console, bar=bar)
