"""smalti export: a codec's streaming steps as ONNX graphs."""

from pathlib import Path
from typing import Annotated

import typer

from smalti.cli.hearing import heard
from smalti.cli.output import Json, epilog, finish
from smalti.cli.views import Keys, rate

KEYS = epilog(
    path="as given",
    files="written",
    bytes="of all files",
    delay="samples by which sound comes out behind what went in",
    steps_compared="steps of noise over which graphs and codec agreed",
    largest_difference="between their samples",
)


def export(
    run: Annotated[str, typer.Argument(metavar="RUN", help="A codec's run folder or shipped name.")],
    to: Annotated[
        Path, typer.Option(metavar="FOLDER|FILE.onnx", help="A folder for encoder and decoder, a file for both in one.")
    ],
    keys: Keys = None,
    json: Json = False,
) -> None:
    """Export the steps of a codec's streams: a token frame in, a token frame out, and the state as plain tensors.

    Names, shapes and delays stand in steps.json (or FILE.json) and in the graphs themselves. All state is zeros at the
    beginning. A graph that does not give the codec's own codes, and its samples within 1e-4, is not written.
    """
    from smalti.systems.exporting import export as make

    finish(make(heard(run, None, "", rate(keys)), to=to), json=json)
