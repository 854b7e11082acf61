"""What a verb says: results on stdout, one JSON object or aligned lines; everything else on stderr."""

import json as json_text
import logging
import math
import sys
import warnings
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from contextvars import ContextVar
from dataclasses import fields, is_dataclass
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, TextIO

import typer

from smalti.cli.errors import PROBLEMS

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout.")]

_results: ContextVar[TextIO] = ContextVar("results")
TRANSCODED = {
    "files": "done",
    "failed": "path and reason of each that could not be",
    "audio_seconds": "of sound",
    "seconds": "taken",
    "real_time_factor": "seconds per second of sound",
    "bitrate": "bit/s before entropy coding",
}
DAC_FILE = {
    "codebooks": "of a .dac file: how many its codes use",
    "chunks": "that they are in",
    "input_db": "loudness of the sound that went in, LUFS",
    "warning": "what the file cannot say",
}
SCORED = {
    "log_mel_l1_db": "distance in dB, mean over files",
    "perplexity": "codes in use, per codebook",
    "codebook_usage": "share of codes used, per codebook",
    "encode_real_time_factor": "seconds per second of sound",
    "decode_real_time_factor": "the same",
    "per_file": "path, log_mel_l1_db, seconds, …",
}


def comma_separated(text: str) -> list[str] | None:
    """`a,b` as a list; None if there is nothing."""
    return [part.strip() for part in text.split(",") if part.strip()] or None


def epilog(**keys: str) -> str:
    """The part of a verb's help that documents its JSON keys."""
    return "Keys of --json: " + " · ".join(f"{key}: {meaning}" for key, meaning in keys.items())


def results_only(verb: Callable[..., None]) -> Callable[..., None]:
    """The same verb, with stdout kept for its result: whatever a library prints while it works goes to stderr."""

    @wraps(verb)
    def kept(*arguments: Any, **named: Any) -> None:
        before = _results.set(sys.stdout)
        try:
            with redirect_stdout(sys.stderr):
                verb(*arguments, **named)
        finally:
            _results.reset(before)

    return kept


def say(message: str) -> None:
    """One line for people, on stderr."""
    typer.echo(escaped(message), err=True)


def hear_warnings() -> None:
    """From here on what smalti has to say is one line each; what libraries warn of is not shown."""
    logging.getLogger("smalti").addHandler(_Lines())
    logging.getLogger("smalti").setLevel(logging.INFO)
    warnings.showwarning = _show


class _Lines(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        say(f"smalti: {record.getMessage()}")


def _show(message: Warning | str, category: type[Warning], *where: object) -> None:
    if category.__module__.startswith("smalti"):
        say(f"smalti: {message}")


@contextmanager
def progress(title: str) -> Generator[Callable[[int, int], None], None, None]:
    """A bar on stderr, if that is a terminal; gives a function to be told (done, total)."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(title, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def finish(result: Any, *, json: bool, aside: bool = False) -> None:
    """Print the result of a verb, a mapping or a report; exit code 1 if anything `failed` or is `damaged`, else 0.

    Args:
        result: of the verb.
        json: as one object.
        aside: on stderr, where stdout is taken by the verb's sound.
    """
    shown: dict[str, Any] = _plain(result)
    text = json_text.dumps(shown, allow_nan=False) if json else "\n".join(_lines(shown))
    try:
        typer.echo(text, file=sys.stderr if aside else _results.get(sys.stdout))
    except BrokenPipeError:
        raise
    except OSError as error:
        from smalti.store import refusal  # here, as it imports torch

        raise refusal(error, Path("standard output"), f"{len(text.encode())} bytes") from error
    if shown.get("failed") or shown.get("damaged"):
        raise typer.Exit(PROBLEMS)


def escaped(text: str) -> str:
    """The same text with everything that could steer a terminal written out, such as \\x1b; line ends stay."""
    return "".join(c if c.isprintable() or c == "\n" else c.encode("unicode_escape").decode("ascii") for c in text)


def _plain(value: Any) -> Any:
    if is_dataclass(value):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if isinstance(value, bool | int | str | None) else str(value)


def _lines(result: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    for key, value in result.items():
        name = escaped(f"{prefix}{key}")
        if isinstance(value, Mapping):
            yield from _lines(value, f"{name}.")
        elif isinstance(value, list):
            yield f"{name:<28} {_inline(value)}"
            yield from (f"  {row}" for row in _rows(value))
        else:
            yield f"{name:<28} {_cell(value)}"


def _inline(values: Sequence[Any]) -> str:
    if not values or any(isinstance(value, Mapping | list) for value in values):
        return str(len(values))
    return " ".join(_cell(value) for value in values[:12]) + (" …" if len(values) > 12 else "")


def _rows(values: Sequence[Any]) -> Iterator[str]:
    for value in values:
        if isinstance(value, Mapping):
            yield "  ".join(
                f"{key}={_cell(item)}" if key not in ("path", "reason") else _cell(item) for key, item in value.items()
            )


def _cell(value: Any) -> str:
    return f"{value:.5g}" if isinstance(value, float) else escaped(str(value)).replace("\n", " ")
