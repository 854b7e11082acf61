"""smalti reconstruct: hear what a codec leaves of a sound."""

from pathlib import Path
from typing import Annotated

import typer

from smalti.cli.hearing import Bridge, VocoderRun, heard
from smalti.cli.output import SCORED, TRANSCODED, Json, epilog, finish, progress
from smalti.cli.views import RECORDINGS, parted

KEYS = epilog(**TRANSCODED, **SCORED)


def reconstruct(
    run: Annotated[str, typer.Argument(metavar="RUN", help="A codec's run folder or shipped name.")],
    audio: Annotated[list[str], typer.Argument(metavar="AUDIO [KEY=VALUE]", help=RECORDINGS)],
    to: Annotated[Path, typer.Option(metavar="DIR", help="Folder for the results, as .wav.")],
    vocoder: VocoderRun = None,
    bridge: Bridge = "",
    json: Json = False,
) -> None:
    """Encode and decode recordings, keep what comes back, and measure each."""
    from smalti.systems import load_codec
    from smalti.transcode import reconstruct as make

    files, view = parted(audio)
    with progress("reconstruct") as tell:
        codec = load_codec(heard(run, vocoder, bridge, view))
        report = make(codec, [Path(one) for one in files], to, progress=tell)
    finish(report.to_json(), json=json)
