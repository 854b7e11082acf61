"""What a run leaves behind to look at: metrics.jsonl for programs, TensorBoard for people.

A resumed run first forgets what was logged after its checkpoint, so every step stands there once.
Neither file holds times or paths: equal runs write equal metrics.
"""

import json
import math
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

from smalti.audio import write
from smalti.store import refusal, replace_folder, write_bytes
from smalti.train.recipe import Samples
from smalti.train.runs import RunFolder

Kind = Literal["train", "evaluate"]


class Logs:
    """The logs of one run; use it in a `with` block."""

    def __init__(self, run: RunFolder, *, after: int) -> None:
        """Open the logs of a run to go on after so many steps."""
        # Imported here because TensorBoard takes a second, which a run that only reads settings need not wait for.
        from smalti.train.board import Board

        _forget(run.metrics_path, after)
        self._run = run
        with _told(run.path, 100):
            self._lines = run.metrics_path.open("ab", buffering=0)
            self._board = Board(run.events, after=after)

    def metrics(self, kind: Kind, step: int, values: Mapping[str, float]) -> None:
        """Log numbers of a step; one that is not finite is written as null."""
        finite = {name: value if math.isfinite(value) else None for name, value in values.items()}
        size = self._line({"step": step, "kind": kind, **finite})
        with _told(self._run.events, size):
            for name, value in values.items():
                self._board.scalar(f"{kind}/{name}", value, step)

    def samples(self, step: int, samples: Samples) -> None:
        """Log pictures, sounds and counts of a step; the sounds also as files, which the next ones replace."""
        with replace_folder(self._run.samples) as folder:
            for name, audio in samples.audio.items():
                write(folder / f"{name.replace('/', '-')}.wav", audio)
        if samples.counts:
            listed = {name: counts.tolist() for name, counts in samples.counts.items()}
            self._line({"step": step, "kind": "counts", **listed})
        size = sum(image.numel() for image in samples.images.values())
        size += sum(2 * audio.samples.numel() for audio in samples.audio.values())
        with _told(self._run.events, size):
            for name, image in samples.images.items():
                self._board.image(name, image.detach().cpu().float().clamp(0, 1).flip(0), step)
            for name, audio in samples.audio.items():
                self._board.audio(name, audio, step)
            for name, counts in samples.counts.items():
                self._board.counts(name, counts, step)

    def _line(self, values: Mapping[str, Any]) -> int:
        """Write a line of metrics; its length in bytes."""
        line = json.dumps(values).encode() + b"\n"
        with _told(self._run.metrics_path, len(line)):
            self._lines.write(line)
        return len(line)

    def __enter__(self) -> "Logs":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lines.close()
        self._board.close()


@contextmanager
def _told(path: Path, size: int) -> Generator[None, None, None]:
    try:
        yield
    except OSError as error:
        raise refusal(error, path, f"{size} bytes") from error


def _forget(path: Path, after: int) -> None:
    """Keep whole lines up to a step; a half line is what a killed process leaves."""
    if not path.exists():
        return
    kept = [line for line in path.read_bytes().splitlines(keepends=True) if _step(line) <= after]
    write_bytes(path, b"".join(kept))


def _step(line: bytes) -> float:
    try:
        return float(json.loads(line)["step"]) if line.endswith(b"\n") else math.inf
    except (ValueError, KeyError, TypeError):
        return math.inf
