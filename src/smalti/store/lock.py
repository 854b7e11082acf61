"""One writer at a time. The operating system frees the lock of a process that dies, however it dies."""

import fcntl
import os
import sys
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

from smalti.core import StoreError
from smalti.store.atomic import refusal
from smalti.store.process import identity

_NAME = ".lock"


@contextmanager
def lock(folder: Path) -> Generator[None, None, None]:
    """Hold a folder for this process; it is made if it is missing.

    Raises:
        StoreError: at once, if another process holds it; names that process and its command.
    """
    path = folder / _NAME
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle = _take(path)
    except OSError as error:
        raise refusal(error, path, "a few bytes") from error
    try:
        with suppress(OSError):  # on a full disk the lock holds without a name
            os.ftruncate(handle, 0)
            os.pwrite(handle, f"{identity()}\n{' '.join(sys.argv)[:200]}\n".encode(errors="replace"), 0)
        yield
    finally:
        path.unlink(missing_ok=True)
        os.close(handle)


def _take(path: Path) -> int:
    while True:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner, _, command = os.pread(handle, 4096, 0).decode(errors="replace").partition("\n")
            os.close(handle)
            raise StoreError(_busy(path, owner, command.strip())) from None
        if _still_there(path, handle):
            return handle
        os.close(handle)


def _still_there(path: Path, handle: int) -> bool:
    """Whether the file locked is the one in the folder; its last owner may have deleted it in between."""
    try:
        return os.path.samestat(path.stat(), os.fstat(handle))
    except FileNotFoundError:
        return False


def _busy(path: Path, owner: str, command: str) -> str:
    pid = owner.partition("-")[0] or "unknown"
    return f"{path.parent} is in use by process {pid} ({command}); wait for it or end it"
