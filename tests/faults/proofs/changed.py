"""Row F12: a run goes on as it was begun, or not at all."""

import io
import re
import tomllib
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr
from pathlib import Path

import pytest

import smalti
from faults.kills import ended, forked
from faults.proofs.clips import some_sounds
from faults.rows import Plant, figure
from journey import TINY_KMEANS
from smalti.cli import run
from smalti.cli.output import hear_warnings
from smalti.config import Settings, differences, to_toml
from smalti.core import ConfigError
from smalti.systems import training
from smalti.train import Engine, RunFolder, loop, runs

_HARMLESS = ("cadence.", "engine.")
_LINE = re.compile(r"([\w-]+) = (.+)")


def prove_f12(folder: Path) -> None:
    """Go on with a run by the command, with one thing changed at a time."""
    some_sounds(folder / "sounds", [0.5] * 4)
    code, said = _train(folder)
    assert code == 0, said
    for word, wanted in (("model.vocab=13", 2), ("train.seed=4", 2), ("cadence.log=3", 0)):
        code, said = _train(folder, "--resume", word)
        assert code == wanted and word.partition("=")[0] in said, f"{word}: exit {code}, said {said!r}"
        assert (code == 2) or said.count("smalti: ") == 1, f"{word}: {said!r} is not one line"
    # told, not done: a forked child of a process that had several threads hangs as soon as it wants some itself
    _require_warned(folder, "threads 1 → 2", lambda: setattr(Engine, "threads", 2))
    _require_warned(folder, "smalti .* → 99", lambda: setattr(smalti, "__version__", "99"))
    manifest = folder / "sounds" / "manifest.csv"
    manifest.write_text("\n".join(manifest.read_text().splitlines()[:-1]) + "\n")
    code, said = _train(folder, "--resume")
    assert code == 2 and "other data" in said and "manifest.csv" in said, f"exit {code}, said {said!r}"
    figure("F12", "data and settings refused by name; threads, version and cadence one line each")


def prove_f12_settings(settings: Settings, folder: Path) -> None:
    """Change every single setting of a run that was begun: refused by its name, or known to be harmless."""
    given, refused = to_toml(settings), 0
    config = RunFolder.start(folder, given).config_path
    for key, text in _each_changed(given):
        assert differences(text, given) == [key]
        config.write_text(text)
        try:
            RunFolder.start(folder, given, resume=True, harmless=training._HARMLESS)
        except ConfigError as error:
            assert key in str(error) and not key.startswith(_HARMLESS), f"{key}: {error}"
            refused += 1
        else:
            assert key.startswith(_HARMLESS), f"{key} was changed, and the run went on"
    assert refused > 3
    figure("F12", f"{settings.model_dump()['system']}: {refused} settings")


def _each_changed(given: str) -> Iterator[tuple[str, str]]:
    """A setting's dotted key, and the whole text with only that one changed."""
    lines, table = given.splitlines(), ""
    for number, line in enumerate(lines):
        if line.startswith("["):
            table = line.strip("[]") + "."
        found = _LINE.fullmatch(line)
        if found is None:
            continue
        value = _other(tomllib.loads(line)[found[1]], found[2])
        yield table + found[1], "\n".join([*lines[:number], f"{found[1]} = {value}", *lines[number + 1 :]]) + "\n"


def _other(value: object, text: str) -> str:
    if isinstance(value, bool):
        return str(not value).lower()
    if isinstance(value, int | float):
        return str(value + 1)
    return f'{text[:-1]}x"' if isinstance(value, str) else f"[{text}]"


def _require_warned(folder: Path, words: str, change: Callable[[], object]) -> None:
    """Go on in a process where something has changed: one line of warning that says so."""
    code, text = _train(folder, "--resume", change=change)
    lines = [line for line in text.splitlines() if line.startswith("smalti: ")]
    assert code == 0 and len(lines) == 1 and re.search(words, lines[0]), f"exit {code}, said {text!r}"


def _train(folder: Path, *more: str, change: Callable[[], object] = lambda: None) -> tuple[int, str]:
    """In a child, where warnings are heard as by the command: its exit code and what it said."""
    said = folder / "said"
    words = ["train", "kmeans", "--data", folder / "sounds", "--out", folder / "run", *TINY_KMEANS, *more]

    def work() -> None:
        change()
        hear_warnings()
        with redirect_stderr(io.StringIO()) as heard:
            code = run([str(word) for word in words])
        said.write_text(heard.getvalue())
        raise SystemExit(code)

    return ended(forked(work)), said.read_text()


def _silent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop._log, "warning", lambda *words: None)


PLANTS = [
    Plant(
        "F12",
        "comparing settings",
        lambda monkeypatch: monkeypatch.setattr(runs, "differences", lambda found, wanted: []),
        prove_f12,
        slow=True,
    ),
    Plant(
        "F12",
        "comparing data",
        lambda monkeypatch: monkeypatch.setattr(training, "_refuse_other_data", lambda run, data: None),
        prove_f12,
        slow=True,
    ),
    Plant("F12", "comparing threads and versions", _silent, prove_f12, slow=True),
]
