"""Part of the fault kit: processes killed at random moments or inside a save, and what a resume makes of it."""

import math
import os
import random
import signal
import subprocess
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from faults.damage import temps_of
from faults.writes import deadly

LONGEST = 600  # seconds; a hang is a failure


@dataclass(frozen=True)
class ResumeProof:
    """What became of the runs that were killed.

    Attributes:
        equal: of them, how many ended with the same weights and metrics, byte for byte.
        kills: how many there were.
        moments: log lines there were when each was killed.
        stray: temps found after the resumes.
    """

    equal: int
    kills: int
    moments: tuple[int, ...]
    stray: tuple[Path, ...]


def prove_resume(
    command: Callable[[Path], Sequence[str]],
    folder: Path,
    *,
    kills: int,
    seed: int,
    resume: Sequence[str] = ("--resume",),
) -> ResumeProof:
    """Train once unbroken; then again and again, each time killed at a random moment and resumed; compare.

    Args:
        command: the command line that trains into a run folder, such as
            `lambda run: ["smalti", "train", "melvqvae/tiny", "--data", data, "--out", str(run)]`.
        folder: where the runs go, beside each other.
        kills: how many runs to kill, once each.
        resume: what makes the command go on with a run.
    """

    started: list[subprocess.Popen] = []

    def start(run: Path, again: bool) -> int:
        line = [*command(run), *(resume if again else ())]
        # Kept, as a forgotten one is waited for behind our back.
        started.append(subprocess.Popen(line, start_new_session=True, stderr=subprocess.DEVNULL))
        return started[-1].pid

    return prove_resume_of(start, folder, kills=kills, seed=seed)


def prove_resume_of(start: Callable[[Path, bool], int], folder: Path, *, kills: int, seed: int) -> ResumeProof:
    """The same for anything that starts a process training into a run folder, and going on in it if told so.

    Half of the moments are a time from the start, so that start-up is hit as well; half are a number of log lines.
    """
    generator = random.Random(seed)
    began = time.monotonic()
    whole = folder / "whole"
    assert ended(start(whole, False)) == 0
    length = time.monotonic() - began
    wanted = _outcome(whole)
    lines = wanted[1].count(b"\n")
    equal, moments, stray = 0, [], []
    for turn in range(kills):
        run = folder / f"killed{turn:02d}"
        child = start(run, False)
        limits = {"after": generator.uniform(0, length)} if turn % 2 else {"lines": generator.randrange(1, lines)}
        moments.append(_kill(child, run, **limits))
        assert ended(start(run, True)) == 0
        equal += _outcome(run) == wanted
        stray += temps_of(run)
    return ResumeProof(equal, kills, tuple(moments), tuple(stray))


def _kill(child: int, run: Path, *, after: float = LONGEST, lines: float = math.inf) -> int:
    """Wait for a time or for log lines, kill the whole group; log lines there were."""
    began = time.monotonic()
    while os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
        if time.monotonic() - began >= after or _lines(run) >= lines:
            os.killpg(child, signal.SIGKILL)
            break
        time.sleep(0.002)
    ended(child)
    return _lines(run)


def _lines(run: Path) -> int:
    path = run / "metrics.jsonl"
    return path.read_bytes().count(b"\n") if path.exists() else 0


def _outcome(run: Path) -> tuple[bytes, bytes]:
    return (run / "weights.safetensors").read_bytes(), (run / "metrics.jsonl").read_bytes()


def dies(work: Callable[[], object], number: int) -> bool:
    """Fork, let the child work and kill it at the number-th moment of its dealings with the disk; whether it died.

    Going through 0, 1, 2, … until it does not die visits every moment there is.
    """
    code = ended(forked(lambda: _mortal(work, number)))
    assert code in (0, -signal.SIGKILL), f"the child ended with {code}"
    return code != 0


def forked(work: Callable[[], object]) -> int:
    """Do some work in a child that has everything imported already; its process id."""
    child = os.fork()
    if child:
        os.setpgid(child, child)
        return child
    try:
        torch.set_num_threads(1)
        work()
        os._exit(0)
    except SystemExit as end:
        os._exit(end.code if isinstance(end.code, int) else 1)
    except BaseException:
        try:
            traceback.print_exc()
        finally:
            os._exit(1)  # whatever happens, two processes must not go on with one test


def ended(child: int, *, longest: float = LONGEST) -> int:
    """Wait for a child; its exit code, negative for a signal. A hang, of more than `longest` seconds, is a failure."""
    began = time.monotonic()
    while time.monotonic() - began < longest:
        found, status = os.waitpid(child, os.WNOHANG)
        if found:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.002)
    os.kill(child, signal.SIGKILL)
    raise TimeoutError(f"process {child} hung")


def _mortal(work: Callable[[], object], number: int) -> None:
    with deadly(number):
        work()
