"""smalti decode: tokens to recordings."""

from pathlib import Path
from typing import Annotated

import typer

from smalti.cli.hearing import Bridge, VocoderRun, heard
from smalti.cli.output import DAC_FILE, TRANSCODED, Json, epilog, finish, progress

KEYS = epilog(**TRANSCODED, **DAC_FILE)


def decode(
    run: Annotated[str, typer.Argument(metavar="RUN", help="The codec's run folder or shipped name.")],
    tokens: Annotated[Path, typer.Argument(metavar="STORE|FILE.smt|FILE.dac", help="What `encode` wrote.")],
    to: Annotated[Path, typer.Option(metavar="DIR|FILE.wav", help="A folder for a store, a file for a file.")],
    vocoder: VocoderRun = None,
    bridge: Bridge = "",
    json: Json = False,
) -> None:
    """Decode tokens to recordings of exactly the samples that went in."""
    from smalti.systems.transcoding import decode as make

    with progress("decode") as tell:
        report = make(heard(run, vocoder, bridge), tokens, to=to, progress=tell)
    finish(report, json=json)
