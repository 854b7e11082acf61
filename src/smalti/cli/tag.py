"""smalti tag: what is heard in recordings."""

from pathlib import Path
from typing import Annotated

import typer

from smalti.cli.output import Json, epilog, finish, progress

KEYS = epilog(
    files="recordings that were heard",
    failed="path and reason of each that could not be read",
    tagged="path, label and score in 0…1; recording by recording, the best first",
    audio_seconds="of sound",
    seconds="taken",
    real_time_factor="seconds per second of sound",
)


def tag(
    run: Annotated[str, typer.Argument(metavar="RUN", help="A model with a classifier.")],
    audio: Annotated[list[str] | None, typer.Argument(metavar="AUDIO", help="Recordings.")] = None,
    data: Annotated[Path | None, typer.Option(metavar="MANIFEST", help="Recordings, as a table.")] = None,
    top: Annotated[int, typer.Option(help="Classes named of each.", min=1)] = 5,
    json: Json = False,
) -> None:
    """Name the likeliest classes of recordings, as the classifier imported with an encoder hears them."""
    from smalti.systems.tagging import tag as hear

    with progress("tag") as tell:
        report = hear(run, audio or (), data=data, top=top, progress=tell)
    finish(report, json=json)
