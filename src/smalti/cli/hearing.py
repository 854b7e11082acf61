"""The two options of every verb that decodes: what a codec of mel pictures is heard through."""

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from smalti.systems.hearing import Heard, View

VocoderRun = Annotated[
    str | None,
    typer.Option("--vocoder", metavar="RUN", help="A vocoder's run folder, in place of Griffin-Lim."),
]
Bridge = Annotated[
    str,
    typer.Option("--bridge", metavar="NAME", help="Use a vocoder of another mel picture all the same: magnitude."),
]


def heard(run: str, vocoder: str | None, bridge: str, view: "View | None" = None) -> "Heard":
    """The run with what it is heard through, and the rate it is asked for.

    Raises:
        ParameterError: if a bridge is named and no vocoder.
    """
    from smalti.core import ParameterError
    from smalti.systems.hearing import OWN_RATE, Heard

    if bridge and vocoder is None:
        raise ParameterError(f"found --bridge {bridge} without a vocoder, wanted both or neither; add --vocoder RUN")
    return Heard(run, vocoder, bridge, view or OWN_RATE)
