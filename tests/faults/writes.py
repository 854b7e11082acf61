"""Part of the fault kit: everything that changes the disk can be watched, made to fail, or made deadly."""

import errno
import io
import os
import resource
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

Act = Callable[[str, Callable[[], Any], Callable[[], Any]], Any]
_OPEN = io.open
_GROWING = {"write", "fsync", "replace", "mkdir"}


@contextmanager
def watched(act: Act) -> Iterator[None]:
    """Pass every write, fsync, rename, mkdir and deletion to `act(name, whole, half)`, which does it or does not.

    `whole()` does all of it; `half()` does half of a write, and nothing of anything else.
    """

    def hook(name: str) -> Callable[..., Any]:
        real = getattr(os, name)

        def hooked(*args: Any, **kwargs: Any) -> Any:
            if name == "mkdir" and Path(args[0]).exists():
                return real(*args, **kwargs)
            return act(name, lambda: real(*args, **kwargs), lambda: None)

        return hooked

    def opened(file: Any, mode: str = "r", *args: Any, **kwargs: Any) -> Any:
        stream = _OPEN(file, mode, *args, **kwargs)
        return _Watched(stream, act) if set(mode) & set("wax+") else stream

    with ExitStack() as stack:
        stack.enter_context(mock.patch("io.open", opened))
        for name in ("fsync", "replace", "mkdir", "unlink", "rmdir"):
            stack.enter_context(mock.patch(f"os.{name}", hook(name)))
        yield


class _Watched:
    """A file whose writes are watched; everything else is the file's own."""

    def __init__(self, stream: Any, act: Act) -> None:
        self._stream, self._act = stream, act

    def write(self, data: Any) -> int:
        def half() -> None:
            self._stream.write(data[: len(data) // 2])
            self._stream.flush()

        return self._act("write", lambda: self._stream.write(data), half)

    def __enter__(self) -> "_Watched":
        return self

    def __exit__(self, *error: object) -> None:
        self._stream.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


class FullAt:
    """Counts what needs space; `left` below zero tells that the disk was full at least once."""

    def __init__(self, number: int) -> None:
        self.left = number

    def act(self, name: str, whole: Callable[[], Any], half: Callable[[], Any]) -> Any:
        if name in _GROWING:
            self.left -= 1
            if self.left < 0:
                half()
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return whole()


@contextmanager
def full_at(number: int) -> Iterator[FullAt]:
    """The disk is full from the number-th operation (from 0) on; that one is still half done if it is a write."""
    full = FullAt(number)
    with watched(full.act):
        yield full


@contextmanager
def deadly(number: int) -> Iterator[None]:
    """SIGKILL at a moment counted over all operations: each has three, before it, in its middle and after it."""
    left = number

    def tick() -> None:
        nonlocal left
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        left -= 1

    def act(_name: str, whole: Callable[[], Any], half: Callable[[], Any]) -> Any:
        tick()
        if left == 0:
            half()
        tick()
        result = whole()
        tick()
        return result

    with watched(act):
        yield


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
