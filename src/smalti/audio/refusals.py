"""How a refusal names its file: odd names are shown escaped, decoder errors and OS errors become one DataError."""

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import soundfile

from smalti.core import DataError


def shown(path: Path | str) -> str:
    """A path as one printable line: control characters and undecodable bytes are escaped."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in str(path))


@contextmanager
def naming(path: Path) -> Generator[None]:
    """Turn every failure inside into a DataError that begins with the file.

    Raises:
        DataError: `FILE: reason`.
    """
    try:
        yield
    except DataError as error:
        raise DataError(f"{shown(path)}: {error}") from error
    except soundfile.SoundFileError as error:
        reason = str(getattr(error, "error_string", error)).removeprefix("Error : ").rstrip(". ")
        raise DataError(f"{shown(path)}: cannot be decoded ({reason}); restore it or leave it out") from error
    except OSError as error:
        raise DataError(f"{shown(path)}: cannot be opened ({error.strerror or error})") from error
