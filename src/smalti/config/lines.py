"""Where in a TOML text a key stands. tomllib does not say, and an error without its line is half an error."""

import re
from collections.abc import Sequence

_PART = r"""(?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*')"""
_KEY = rf"{_PART}(?:\s*\.\s*{_PART})*"
_TABLE = re.compile(rf"^\s*\[\[?\s*({_KEY})\s*\]\]?")
_VALUE = re.compile(rf"^\s*({_KEY})\s*=")


def line_of(text: str, names: Sequence[str]) -> int:
    """Line (from 1) of the deepest part of a dotted key that stands in the text; 0 if not even its table does."""
    places = _places(text)
    wanted = tuple(name for name in names if not name.isdigit())
    prefixes = (wanted[:depth] for depth in range(len(wanted), 0, -1))
    return next((places[prefix] for prefix in prefixes if prefix in places), 0)


def _places(text: str) -> dict[tuple[str, ...], int]:
    places: dict[tuple[str, ...], int] = {}
    table: tuple[str, ...] = ()
    quote = ""
    for number, line in enumerate(text.split("\n"), 1):
        if not quote:
            if header := _TABLE.match(line):
                table = _names(header[1])
                places.setdefault(table, number)
            elif value := _VALUE.match(line):
                names = table + _names(value[1])
                for depth in range(len(table) + 1, len(names) + 1):
                    places.setdefault(names[:depth], number)
        quote = _open_quote(line, quote)
    return places


def _names(key: str) -> tuple[str, ...]:
    return tuple(part.strip("\"'") for part in re.findall(_PART, key))


def _open_quote(line: str, quote: str) -> str:
    """The triple quote still open behind this line; inside one, no line is a key."""
    for mark in re.findall('"""|' + "'''", line):
        quote = "" if quote == mark else quote or mark
    return quote
