"""Part of the fault kit: disks that fill up, at the N-th write or at a size."""

import errno
import os
import resource
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

_OPEN, _FSYNC, _REPLACE = open, os.fsync, os.replace


class FullAt:
    """Fails the N-th of everything that writes: opening for writing, writing, flushing and renaming, from then on."""

    def __init__(self, number: int) -> None:
        self.left = number

    def tick(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def opened(self, file: Any, mode: str = "r", *args: Any, **kwargs: Any) -> Any:
        stream = _OPEN(file, mode, *args, **kwargs)
        if set(mode) & set("wax+"):
            stream = _Counted(stream, self)
        return stream

    def synced(self, handle: int) -> None:
        self.tick()
        _FSYNC(handle)

    def replaced(self, *args: Any, **kwargs: Any) -> None:
        self.tick()
        _REPLACE(*args, **kwargs)


class _Counted:
    """A file whose writes are counted; everything else is the file's own."""

    def __init__(self, stream: Any, full: FullAt) -> None:
        self._stream, self._full = stream, full

    def write(self, data: Any) -> int:
        self._full.tick()
        return self._stream.write(data)

    def __enter__(self) -> "_Counted":
        return self

    def __exit__(self, *error: object) -> None:
        self._stream.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextmanager
def full_at(number: int) -> Iterator[FullAt]:
    """The disk is full from the N-th write (from 0) on; `left` below zero tells that it was reached."""
    full = FullAt(number)
    with (
        mock.patch("io.open", full.opened),
        mock.patch("os.fsync", full.synced),
        mock.patch("os.replace", full.replaced),
    ):
        yield full


@contextmanager
def size_limit(size: int) -> Iterator[None]:
    """No file of this process can grow beyond so many bytes, whoever writes it."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
