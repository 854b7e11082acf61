"""Part of the fault kit: work in a process of its own, and the memory that it takes there."""

import ctypes
import gc
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa

from faults.kills import LONGEST, ended, forked

_STATUS = Path("/proc/self/status")
_PEAK_IS_NOW = "5"  # written to clear_refs


def alone(work: Callable[[], Any], folder: Path, *, longest: float = LONGEST) -> Any:
    """What some work returns (as JSON), done in a forked process; AssertionError if it does not come to its end.

    TimeoutError after `longest` seconds.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "result.json"
    child = forked(lambda: path.write_text(json.dumps(work())))
    code = ended(child, longest=longest)
    assert code == 0, f"the process ended with {code}"
    return json.loads(path.read_text())


class Growth:
    """Memory of this process from now on, in MiB; what earlier work has freed is given back first.

    Attributes:
        mib: the peak over what there was at the beginning. Pages of mapped files count, though the system can take
            them back.
    """

    def __init__(self) -> None:
        gc.collect()
        pa.default_memory_pool().release_unused()
        ctypes.CDLL(None).malloc_trim(0)
        Path("/proc/self/clear_refs").write_text(_PEAK_IS_NOW)
        self._begin = _kib("VmRSS")

    @property
    def mib(self) -> float:
        return (_kib("VmHWM") - self._begin) / 1024

    @property
    def now(self) -> float:
        """What there is now over what there was, in MiB."""
        return (_kib("VmRSS") - self._begin) / 1024


def open_files() -> int:
    """Files, pipes and so on that this process holds open."""
    return len([*Path("/proc/self/fd").iterdir()]) - 1


def most_memory() -> float:
    """The peak of this process since the last `Growth` began, in MiB."""
    return _kib("VmHWM") / 1024


def _kib(name: str) -> int:
    line = next(line for line in _STATUS.read_text().splitlines() if line.startswith(f"{name}:"))
    return int(line.split()[1])
