"""Arguments of verbs that name recordings, and the rate of a codec that has several: `window=6 codebooks=3`."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from smalti.systems.hearing import View

Keys = Annotated[
    list[str] | None,
    typer.Argument(metavar="[KEY=VALUE]", help="Rate of a codec that has several: window=6 codebooks=3."),
]
RECORDINGS = "Recordings; of a codec with several rates also window=6 codebooks=3."
_KEY = re.compile(r"[A-Za-z_.-]+=")


def parted(arguments: Sequence[str] | None) -> tuple[list[str], "View"]:
    """Recordings, and the rate that is asked for; a file whose name looks like a key is a recording.

    Raises:
        ConfigError: for a key that is unknown (names the nearest) or a value that cannot be.
    """
    from smalti.systems.hearing import view_of

    keys = [one for one in arguments or () if _KEY.match(one) and not Path(one).exists()]
    return [one for one in arguments or () if one not in keys], view_of(keys)


def rate(arguments: Sequence[str] | None) -> "View":
    """The rate that is asked for, where nothing else may stand.

    Raises:
        ConfigError: as `parted`, or for anything that is no `key=value`.
    """
    from smalti.systems.hearing import view_of

    return view_of(arguments or ())
