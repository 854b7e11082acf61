"""smalti encode: recordings to tokens."""

from pathlib import Path
from typing import Annotated

import typer

from smalti.cli.output import DAC_FILE, TRANSCODED, Json, epilog, finish, progress
from smalti.cli.views import RECORDINGS, parted

KEYS = epilog(**TRANSCODED, **DAC_FILE)


def encode(
    run: Annotated[str, typer.Argument(metavar="RUN", help="A codec's run folder or shipped name.")],
    to: Annotated[
        Path, typer.Option(metavar="STORE|FILE.smt|FILE.dac", help="A folder for many clips, a file for one.")
    ],
    audio: Annotated[list[str] | None, typer.Argument(metavar="AUDIO [KEY=VALUE]", help=RECORDINGS)] = None,
    data: Annotated[
        Path | None, typer.Option(metavar="MANIFEST|FOLDER", help="Recordings, as a table or a folder.")
    ] = None,
    shifts: Annotated[int, typer.Option(help="Versions of each clip, begun a fraction of a frame apart.", min=1)] = 1,
    window: Annotated[
        float | None,
        typer.Option(metavar="SECONDS", help="Of a .dac file: in chunks of so long, without padding.", min=0),
    ] = None,
    json: Json = False,
) -> None:
    """Encode recordings of any length and rate; an interrupted store goes on with the same command."""
    from smalti.systems.hearing import Heard
    from smalti.systems.transcoding import encode as make

    files, view = parted(audio)
    with progress("encode") as tell:
        report = make(Heard(run, view=view), files, data=data, to=to, shifts=shifts, window=window, progress=tell)
    finish(report, json=json)
