"""smalti encode: recordings to tokens."""

from pathlib import Path
from typing import Annotated

import typer

from smalti.cli.output import TRANSCODED, Json, epilog, finish, progress
from smalti.cli.views import RECORDINGS, parted

KEYS = epilog(**TRANSCODED)


def encode(
    run: Annotated[str, typer.Argument(metavar="RUN", help="A codec's run folder or shipped name.")],
    to: Annotated[Path, typer.Option(metavar="STORE|FILE.smt", help="A folder for many clips, a .smt file for one.")],
    audio: Annotated[list[str] | None, typer.Argument(metavar="AUDIO [KEY=VALUE]", help=RECORDINGS)] = None,
    data: Annotated[
        Path | None, typer.Option(metavar="MANIFEST|FOLDER", help="Recordings, as a table or a folder.")
    ] = None,
    shifts: Annotated[int, typer.Option(help="Versions of each clip, begun a fraction of a frame apart.", min=1)] = 1,
    json: Json = False,
) -> None:
    """Encode recordings of any length and rate; an interrupted store goes on with the same command."""
    from smalti.systems.hearing import Heard
    from smalti.systems.transcoding import encode as make

    files, view = parted(audio)
    with progress("encode") as tell:
        report = make(Heard(run, view=view), files, data=data, to=to, shifts=shifts, progress=tell)
    finish(report, json=json)
