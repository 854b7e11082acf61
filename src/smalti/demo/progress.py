"""What the demo says while it works: one line a stage on stderr, with a bar where work is counted."""

import time
from collections.abc import Generator
from contextlib import contextmanager

from rich.console import Console


class Narrator:
    """Tells the stages as they begin and end."""

    def __init__(self) -> None:
        self._console = Console(stderr=True)
        self._told: dict[str, int] = {}

    @contextmanager
    def stage(self, what: str) -> Generator[None, None, None]:
        """Say what begins, and how long it took when it has ended."""
        self._line(f"▪ {what}")
        begin = time.monotonic()
        yield
        self._line(f"  done in {time.monotonic() - begin:.0f} s")

    def progress(self, stage: str, done: int, total: int) -> None:
        """Say every quarter of a piece of work."""
        quarter = 4 * done // max(total, 1)
        if quarter != self._told.get(stage):
            self._told[stage] = quarter
            self._line(f"  {stage} {done}/{total}")

    def _line(self, text: str) -> None:
        self._console.print(text, markup=False, highlight=False)
