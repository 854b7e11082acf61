"""Which process a temp file or a lock belongs to. A pid alone is reused; with its start time it is not."""

import os
from pathlib import Path


def identity() -> str:
    """This process as `pid-start`, start in clock ticks since boot (0 where the system does not tell)."""
    return f"{os.getpid()}-{_started(os.getpid())}"


def alive(process: str) -> bool:
    """Whether the process of an identity still runs. What is no identity belongs to nobody."""
    pid, _, start = process.partition("-")
    if not (pid.isdecimal() and start.isdecimal()):
        return False
    try:
        os.kill(int(pid), 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        pass
    return _started(int(pid)) == int(start)


def _started(pid: int) -> int:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text("utf-8", errors="replace")
    except OSError:
        return 0
    state, *fields = stat.rpartition(")")[2].split()
    return 0 if state == "Z" else int(fields[18])
