"""Rows F1 and F10: a run that was killed, or asked to end, goes on as if nothing had happened."""

import json
import os
import signal
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest import mock

import pytest

from faults import tiny_recipe
from faults.damage import files_of
from faults.kills import ended, forked, prove_resume_of
from faults.proofs.clips import some_sounds
from faults.proofs.disks import small_shards
from faults.rows import Plant, figure
from smalti.cli import app
from smalti.store import load_latest
from smalti.train import interrupts, logs, loop
from smalti.transcode import stores

_CODES = {signal.SIGTERM: 143, signal.SIGINT: 130}


def prove_f1(start: Callable[[Path, bool], int], folder: Path, *, kills: int = 20, seed: int = 0) -> None:
    """Kill a training at random moments and resume it; `start` as for `prove_resume_of`."""
    proof = prove_resume_of(start, folder, kills=kills, seed=seed)
    entries = [json.loads(line) for line in (folder / "whole" / "metrics.jsonl").read_text().splitlines()]
    steps = [entry["step"] for entry in entries if entry["kind"] == "train"]
    assert steps == list(range(1, len(steps) + 1))
    assert proof.equal == kills and proof.stray == (), proof
    figure("F1", f"{proof.equal} of {kills} equal")


def tiny_training(folder: Path, again: bool) -> int:
    """The smallest training as a process of its own; slow while there is a file of that name beside its run."""
    return forked(lambda: tiny_recipe.main(str(folder), *(["--resume"] if again else [])))


def commanded(*line: object) -> int:
    """One smalti command in a child; its process id."""

    def work() -> None:
        signal.signal(signal.SIGTERM, app._terminate)
        raise SystemExit(app.run([str(word) for word in line]))

    return forked(work)


def prove_tiny_f1(folder: Path) -> None:
    """F1 with a recipe of thirty short steps."""
    (folder / "slow").touch()
    prove_f1(tiny_training, folder, kills=4)


def prove_f10(start: Callable[[Path, bool], int], folder: Path, *, kept: tuple[str, ...], begun: str) -> None:
    """Ask something to end while it works, then let it go on.

    Args:
        start: starts a process that makes a folder, or goes on with it if told so.
        kept: names of files that must end as those of an unbroken one; all if there are none.
        begun: a file of the folder; when it is there the process is asked.
    """
    assert ended(start(folder / "whole", False)) == 0
    longest = 0.0
    for number, code in _CODES.items():
        target = folder / number.name
        child = start(target, False)
        _wait_for(target / begun, child)
        asked = time.monotonic()
        os.kill(child, number)
        found = ended(child)
        longest = max(longest, time.monotonic() - asked)
        assert found == code, f"{number.name} ended it with {found}, wanted {code}"
        assert longest <= 10, f"it took {longest:.1f} s to end"
        if (target / "config.toml").exists():
            checkpoint = load_latest(target)
            assert checkpoint is not None and checkpoint.step > 0, "no checkpoint was saved"
        assert ended(start(target, True)) == 0
        whole, after = files_of(folder / "whole"), files_of(target)
        for name in kept or whole:
            assert after[name] == whole[name], f"{name} is not as it would have been"
    figure("F10", f"ended with 143 and 130 within {longest:.1f} s, the rest equal")


def prove_tiny_f10(folder: Path) -> None:
    """F10 with a recipe of thirty short steps."""
    (folder / "slow").touch()
    kept = ("weights.safetensors", "metrics.jsonl")
    prove_f10(tiny_training, folder, kept=kept, begun="metrics.jsonl")


def prove_f10_tokens(folder: Path) -> None:
    """F10 of a command that encodes sixteen clips."""
    prove_f10_reading(folder, stores, small_shards, ("encode", "mulaw"), begun="shard-00000.safetensors")


def prove_f10_reading(
    folder: Path,
    reader: ModuleType,
    pieces: Callable[[], AbstractContextManager[object]],
    words: tuple[str, ...],
    *,
    to: str = ".",
    begun: str,
) -> None:
    """F10 of a command over sixteen recordings, each read slowly until it is asked to end.

    Args:
        reader: module whose `read` it calls.
        pieces: makes the pieces of its work small.
        words: of the command.
        to: file that it makes; by default a folder.
        begun: file that shows it is at work.
    """
    sounds, read = some_sounds(folder / "sounds", [0.2] * 16), reader.read

    def slowly(*given: Any, **named: Any) -> Any:
        time.sleep(0.1)
        return read(*given, **named)

    def start(target: Path, again: bool) -> int:
        with mock.patch.object(reader, "read", read if again or target.name == "whole" else slowly), pieces():
            return commanded(*words, "--data", sounds, "--to", target / to)

    prove_f10(start, folder, kept=(), begun=begun)


def prove_second_ctrl_c(folder: Path) -> None:
    """What does not come to the end of its step is ended by another Ctrl-C."""

    def stubborn() -> None:
        with interrupts.interrupts() as stop:
            (folder / "ready").touch()
            while not stop.code:
                time.sleep(0.01)
            (folder / "asked").touch()
            time.sleep(5)

    child = forked(stubborn)
    for name in ("ready", "asked"):
        _wait_for(folder / name, child)
        began = time.monotonic()
        os.kill(child, signal.SIGINT)
    assert ended(child) == 1, "it slept on"  # by KeyboardInterrupt; 0 would be the end of its sleep
    figure("F10", f"a second Ctrl-C ends it in {time.monotonic() - began:.1f} s")


def _wait_for(path: Path, child: int) -> None:
    """Until a file is there; its process must still run."""
    while not path.exists():
        assert os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None, "it ended too early"
        time.sleep(0.002)


def _default_sigterm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app, "_terminate", signal.SIG_DFL)


def _keep_handlers(monkeypatch: pytest.MonkeyPatch) -> None:
    """A first signal leaves the handlers as they are, so that a second one only asks again."""
    real = signal.signal
    calls = []

    def set_once(number, handler):
        calls.append(number)
        return real(number, handler) if len(calls) <= 2 else None

    monkeypatch.setattr(interrupts.signal, "signal", set_once)


PLANTS = [
    Plant(
        "F1",
        "seeding every step by its number",
        lambda monkeypatch: monkeypatch.setattr(loop._Loop, "_seed", lambda self, *more: None),
        prove_tiny_f1,
        slow=True,
    ),
    Plant(
        "F1",
        "forgetting what was logged after the checkpoint",
        lambda monkeypatch: monkeypatch.setattr(logs, "_forget", lambda path, after: None),
        prove_tiny_f1,
        slow=True,
    ),
    Plant(
        "F10",
        "the checkpoint before the end",
        lambda monkeypatch: monkeypatch.setattr(loop, "save_latest", lambda *rest: None),
        prove_tiny_f10,
    ),
    Plant("F10", "ending as terminated", _default_sigterm, prove_f10_tokens),
    Plant("F10", "letting a second signal through", _keep_handlers, prove_second_ctrl_c, slow=True),
]
