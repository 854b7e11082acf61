"""Files and folders that are there whole or not at all, whatever kills the process.

Written under a temp name in the same folder, flushed to disk, renamed, and the folder flushed as well.
A temp is named after its process, so that the next start can tell what is left over from what is in work.

Source: Pillai et al., "All File Systems Are Not Created Equal", OSDI 2014.
"""

import errno
import os
import shutil
from collections.abc import Generator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from smalti.core import StoreError
from smalti.store.process import alive, identity

_MARK = ".smalti-tmp-"
_FULL = {errno.ENOSPC, errno.EFBIG, errno.EDQUOT}


def write_bytes(path: Path, data: bytes | memoryview) -> None:
    """Replace a file by these bytes.

    Raises:
        StoreError: if there is no space left; says how many bytes are needed.
    """
    with replace_file(path, size=len(data)) as temp, temp.open("wb") as file:
        file.write(data)


@contextmanager
def replace_file(path: Path, *, size: int | None = None) -> Generator[Path, None, None]:
    """Give a temp path, with the same suffix, to write to; at the end it becomes `path`, on an error nothing does.

    Args:
        size: bytes that will be written, if known; for the message when they do not fit.
    Raises:
        StoreError: if there is no space left, or the folder cannot be written to.
    """
    temp = _temp(path)
    try:
        _prepare(path.parent)
        yield temp
        _flush(temp)
        temp.replace(path)
        _flush(path.parent)
    except OSError as error:
        _tell(error, path, size, temp)
        raise
    finally:
        _remove(temp)


@contextmanager
def replace_folder(path: Path, *, size: int | None = None) -> Generator[Path, None, None]:
    """Give an empty temp folder to fill; at the end it takes the place of `path`, on an error nothing does.

    A folder already at `path` is moved aside first: for a moment neither is there, never a mixture.

    Raises:
        StoreError: as `replace_file`.
    """
    temp, old = _temp(path), _temp(path.with_name(path.name + ".old"))
    try:
        _prepare(path.parent)
        temp.mkdir()
        yield temp
        for inner in sorted(temp.rglob("*")):
            _flush(inner)
        _flush(temp)
        if path.exists():
            path.replace(old)
        temp.replace(path)
        _flush(path.parent)
    except OSError as error:
        if old.exists() and not path.exists():
            old.replace(path)
        _tell(error, path, size, temp)
        raise
    finally:
        _remove(temp)
        _remove(old)


def remove_folder(path: Path) -> None:
    """Delete a folder so that a kill half-way leaves a temp, never half a folder under its own name."""
    temp = _temp(path)
    path.replace(temp)
    _remove(temp)


def clean_temps(folder: Path) -> list[Path]:
    """Delete what dead processes left in a folder; temps of running ones stay.

    The first write of a process into a folder does this by itself.

    Returns:
        The paths deleted.
    """
    stray = [temp for temp in sorted(folder.glob(f"{_MARK}*")) if not alive(_owner(temp))]
    for temp in stray:
        _remove(temp)
    return stray


def _temp(path: Path) -> Path:
    return path.with_name(f"{_MARK}{identity()}-{path.name}")


def _owner(temp: Path) -> str:
    return "-".join(temp.name.removeprefix(_MARK).split("-")[:2])


def _prepare(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    _clean_once(folder)


@cache
def _clean_once(folder: Path) -> None:
    clean_temps(folder)


def _flush(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    elif path.exists() or path.is_symlink():
        path.unlink(missing_ok=True)


def _tell(error: OSError, path: Path, size: int | None, temp: Path) -> None:
    """Raise the refusal to give for an error while writing, unless the error is about another file."""
    where = Path(os.fsdecode(error.filename)) if isinstance(error.filename, str | bytes) else temp
    if error.errno in _FULL or where == path or where.is_relative_to(temp) or path.is_relative_to(where):
        written = sum(file.stat().st_size for file in [temp, *temp.rglob("*")] if file.is_file())
        raise refusal(error, path, f"{size} bytes" if size is not None else f"more than {written} bytes") from error


def refusal(error: OSError, path: Path, need: str) -> StoreError:
    """An error while writing, in words: what, where, how much would be needed, what to do."""
    if error.errno in _FULL:
        return StoreError(f"no space left to write {path}: it needs {need}; free some and run the same command again")
    return StoreError(f"{path} cannot be written: {error.strerror or error}; choose a place that can be written to")
