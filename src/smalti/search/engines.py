"""The two libraries of the extra `search`, imported when they are needed."""

from functools import cache
from typing import Any

from smalti.core import need


@cache
def tantivy() -> Any:
    """The text index.

    Raises:
        ParameterError: if it is not installed.
    """
    need("tantivy", extra="search", what="indexes")
    import tantivy as found

    return found


@cache
def rapidfuzz() -> Any:
    """Distances of strings.

    Raises:
        ParameterError: if it is not installed.
    """
    need("rapidfuzz", extra="search", what="comparisons of token strings")
    import rapidfuzz as found

    return found
