"""The door says what went wrong in a line or three, and its exit code says what kind of wrong it was."""

import errno
import json
import logging
import signal
import subprocess
import sys
import time
import warnings
from pathlib import Path

import pytest

from smalti.cli import output, run
from smalti.cli.errors import Terminated, explain
from smalti.core import StoreError

MAIN = [sys.executable, "-c", "from smalti.cli import main; main()"]


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (KeyboardInterrupt(), 130),
        (Terminated(), 143),
        (StoreError("run: no space left while writing 12 bytes; free some and go on"), 3),
        (StoreError("run holds no config.toml"), 2),
        (OSError(errno.ENOSPC, "No space left on device", "a.wav"), 3),
        (PermissionError(errno.EACCES, "Permission denied", "a.wav"), 2),
        (MemoryError(), 3),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"), 3),
        (ZeroDivisionError("division by zero"), 3),
    ],
)
def test_every_kind_of_error_has_its_exit_code_and_at_most_three_lines(error: BaseException, code: int) -> None:
    found, message = explain(error)
    assert found == code
    assert 1 <= len(message.splitlines()) <= 3


def test_a_misspelt_verb_is_answered_with_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["texturs", "--to", "t"]) == 2
    shown = capsys.readouterr()
    assert "'textures'" in shown.err and shown.out == ""


def test_a_misspelt_option_is_answered_with_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["textures", "--sed", "1"]) == 2
    assert "--seed" in capsys.readouterr().err


def test_a_verb_without_its_arguments_says_how_to(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["decode"]) == 2
    assert "smalti decode --help" in capsys.readouterr().err


def test_a_traceback_is_shown_only_when_asked_for(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    missing = str(tmp_path / "nothing")
    assert run(["show", missing]) == 2
    assert "Traceback" not in capsys.readouterr().err
    assert run(["show", missing, "--debug"]) == 2
    assert "Traceback" in capsys.readouterr().err


def test_names_that_could_steer_a_terminal_are_shown_escaped(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    run(["show", str(tmp_path / "a\x1b[2Jb\u202ec")])
    shown = capsys.readouterr().err
    assert "\x1b" not in shown and "\u202e" not in shown
    assert "\\x1b[2Jb\\u202ec" in shown


@pytest.mark.parametrize("verb", ["", "demo", "textures", "prepare", "train", "encode", "decode", "reconstruct"])
def test_help_does_not_import_torch(verb: str) -> None:
    code = f"import sys; from smalti.cli import run; run({[*verb.split(), '--help']}); sys.exit('torch' in sys.modules)"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert result.returncode == 0, result.stderr
    assert b"smalti" in result.stdout


@pytest.mark.parametrize(
    "verb",
    [
        ["demo"],
        ["textures"],
        ["prepare"],
        ["train"],
        ["encode"],
        ["decode"],
        ["reconstruct"],
        ["generate"],
        ["evaluate", "codec"],
        ["evaluate", "generation"],
        ["show"],
        ["verify"],
    ],
)
def test_every_verb_documents_its_json_keys(verb: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*verb, "--help"]) == 0
    shown = capsys.readouterr().out
    assert "--json" in shown and "Keys of --json" in shown


def test_version_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--version"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 1


def test_json_holds_no_number_that_json_does_not_know(capsys: pytest.CaptureFixture[str]) -> None:
    output.finish({"a": float("nan"), "b": {"c": (1, float("inf"))}, "path": Path("x")}, json=True)
    assert json.loads(capsys.readouterr().out) == {"a": None, "b": {"c": [1, None]}, "path": "x"}


@pytest.mark.parametrize(
    ("number", "code", "word"), [(signal.SIGTERM, 143, "terminated"), (signal.SIGINT, 130, "interrupted")]
)
def test_signals_end_with_their_codes_and_a_word(number: signal.Signals, code: int, word: str) -> None:
    program = (
        "import sys, time\n"
        "from smalti.cli import app, show\n"
        "def wait(path: str) -> None:\n    sys.stderr.write('ready\\n'); sys.stderr.flush(); time.sleep(30)\n"
        "app._VERBS['show'] = (wait, '')\n"
        "sys.argv = ['smalti', 'show', 'x']\n"
        "app.main()"
    )
    with subprocess.Popen([sys.executable, "-c", program], stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        assert process.stderr.readline() == "ready\n"
        time.sleep(0.05)
        process.send_signal(number)
        assert process.wait(timeout=20) == code
        assert word in process.stderr.read()


def test_warnings_are_one_line_each_and_those_of_libraries_are_not_shown(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from smalti.audio import DamageWarning

    monkeypatch.setattr(warnings, "showwarning", warnings.showwarning)
    monkeypatch.setattr(logging.getLogger("smalti"), "handlers", [])
    output.hear_warnings()
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        monkeypatch.setattr(warnings, "showwarning", output._show)
        warnings.warn("a\x1b.wav: cut short", DamageWarning, stacklevel=1)
        warnings.warn("of a library", UserWarning, stacklevel=1)
    logging.getLogger("smalti.store").warning("falling back")
    assert capsys.readouterr().err.splitlines() == ["smalti: a\\x1b.wav: cut short", "smalti: falling back"]
