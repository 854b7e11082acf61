"""Small texts from others: what claims to be a list or a few settings is not believed before its size is known."""

import json
from pathlib import Path
from typing import Any

from smalti.audio import shown
from smalti.core import DataError

_MOST_BYTES = 16 << 20


def read_text(path: Path) -> str:
    """A UTF-8 text of at most 16 MiB.

    Raises:
        DataError: if it cannot be read, is larger, or is no text; says which.
    """
    try:
        if not path.is_file() and path.exists():
            raise DataError(f"{shown(path)}: is a folder or a device, wanted a text; name a file")
        with path.open("rb") as file:
            data = file.read(_MOST_BYTES + 1)
        if len(data) > _MOST_BYTES:
            raise DataError(f"{shown(path)}: is larger than {_MOST_BYTES >> 20} MiB, wanted a short text; split it")
        return data.decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise DataError(f"{shown(path)}: cannot be read as text ({reason}); fetch it again") from None


def read_json(path: Path) -> Any:
    """What a JSON file of at most 16 MiB says.

    Raises:
        DataError: as `read_text`.
        ValueError: if it is no JSON, or nested without end.
    """
    try:
        return json.loads(read_text(path))
    except RecursionError:
        raise ValueError("it is nested without end") from None
