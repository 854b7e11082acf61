"""Row F11: less memory than is needed is told, with what to do; and whatever dies, nothing waits for it."""

import ctypes
import io
import re
import resource
import time
from collections.abc import Callable, Sequence
from contextlib import redirect_stderr
from pathlib import Path

import pytest

from faults.kills import ended, forked
from faults.proofs.clips import some_sounds
from faults.rows import Plant, figure
from journey import TINY_FRAMES
from smalti.cli import run
from smalti.systems import training
from smalti.transcode import stores

_LONGEST = 30  # seconds
_MANY, _HEAVY = 512, ("shown.crop=30", "model.width=64", "train.steps=2")


def prove_f11(folder: Path) -> None:
    """Train with a batch that does not fit into what memory there is, then with the one that is advised."""
    sounds = some_sounds(folder / "sounds", [1.0] * 4)

    def train(batch: int) -> tuple[int, str, float]:
        brief = [*TINY_FRAMES, *_HEAVY, f"shown.batch={batch}"]
        return _limited(["train", "melformer/tiny", "--data", sounds, "--out", folder / f"run{batch}", *brief], folder)

    code, said, seconds = train(_MANY)
    assert code == 3 and "Traceback" not in said, f"exit {code}, said {said!r}"
    assert seconds <= _LONGEST, f"it took {seconds:.0f} s"
    advised = re.search(rf"shown.batch={_MANY} and shown.crop=30; begin .* shown.batch=(\d+), which", said)
    assert advised, f"no batch, length and smaller batch in {said!r}"
    code, said, _ = train(int(advised[1]))
    assert code == 0, f"a batch of {advised[1]} was advised, and ended with {code}: {said!r}"
    figure("F11", f"told in {seconds:.0f} s; the batch of {advised[1]} that it names in place of {_MANY} works")


def prove_f11_encode(folder: Path) -> None:
    """Encode a recording that is too long for the memory: it is named, with its length."""
    sounds = some_sounds(folder / "sounds", [1.0, 7200.0])
    words = ["encode", "mulaw", "--data", sounds, "--to", folder / "store"]
    code, said, seconds = _limited(words, folder)
    assert code == 3 and "Traceback" not in said, f"exit {code}, said {said!r}"
    assert "1.flac of 7200.0 s" in said, said
    assert seconds <= _LONGEST, f"it took {seconds:.0f} s"
    figure("F11", f"a clip of two hours: named in {seconds:.0f} s")


def prove_f11_reader(folder: Path) -> None:
    """A reader of clips dies in its thread: the command ends with it, and waits for nobody."""

    def dying(*given: object, **named: object) -> object:
        raise OSError(5, "Input/output error", "a.flac")

    sounds = some_sounds(folder / "sounds", [1.0] * 40)
    with pytest.MonkeyPatch.context() as broken:
        broken.setattr(stores, "read", dying)
        words = ["encode", "mulaw", "--data", sounds, "--to", folder / "store"]
        code, said, seconds = _limited(words, folder)
    assert code == 3 and "Traceback" not in said and "a.flac" in said, f"exit {code}, said {said!r}"
    assert seconds <= _LONGEST, f"it took {seconds:.0f} s"
    figure("F11", f"a dead reader: ended in {seconds:.0f} s")


def _limited(words: Sequence[object], folder: Path, *, room: int = 300) -> tuple[int, str, float]:
    """Run a command in a child that has few MiB more than it has now: exit code, what it said, seconds."""
    said = folder / "said"

    def work() -> None:
        used = _without_free_heap()
        with redirect_stderr(io.StringIO()) as heard:
            resource.setrlimit(resource.RLIMIT_AS, (used + room * 2**20, resource.RLIM_INFINITY))
            code = run([str(word) for word in words])
        resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        said.write_text(heard.getvalue())
        raise SystemExit(code)

    said.unlink(missing_ok=True)
    began = time.monotonic()
    code = ended(forked(work))
    return code, said.read_text() if said.exists() else "nothing", time.monotonic() - began


def _without_free_heap() -> int:
    """Bytes of address space that this process has, once no large piece of it is free: a limit would not count those.

    A process that has done much keeps what it freed; pieces of a MiB are taken until one has to be asked of the system.
    """
    allocate = ctypes.CDLL(None).malloc
    allocate.argtypes, allocate.restype = [ctypes.c_size_t], ctypes.c_void_p
    before = _address_space()
    while (now := _address_space()) == before:
        allocate(2**20)
    return now


def _address_space() -> int:
    return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()


def _deaf(module: object) -> Callable[[pytest.MonkeyPatch], None]:
    return lambda monkeypatch: monkeypatch.setattr(module, "lacks_memory", lambda error: False)


PLANTS = [
    Plant("F11", "advice for a training that is too large", _deaf(training), prove_f11, slow=True),
    Plant("F11", "naming a recording that is too long", _deaf(stores), prove_f11_encode, slow=True),
]
