"""The two libraries of the extra `search`, imported when they are needed."""

from typing import Any

from smalti.core import ParameterError

_REMEDY = "searching needs it: pip install 'smalti[search]'"


def tantivy() -> Any:
    """The text index.

    Raises:
        ParameterError: if it is not installed.
    """
    try:
        import tantivy as found
    except ImportError:
        raise ParameterError(f"tantivy is not installed, {_REMEDY}") from None
    return found


def rapidfuzz() -> Any:
    """Distances of strings.

    Raises:
        ParameterError: if it is not installed.
    """
    try:
        import rapidfuzz as found
    except ImportError:
        raise ParameterError(f"rapidfuzz is not installed, {_REMEDY}") from None
    return found
