"""smalti embed: recordings to vectors."""

from pathlib import Path
from typing import Annotated

import typer

from smalti.cli.output import Json, epilog, finish, progress

KEYS = epilog(
    files="recordings in the table",
    failed="path and reason of each that could not be read",
    latent="numbers of each recording's vector",
    audio_seconds="of sound",
    seconds="taken",
    real_time_factor="seconds per second of sound",
)


def embed(
    run: Annotated[str, typer.Argument(metavar="RUN", help="A run of a model whose clips have latents.")],
    to: Annotated[Path, typer.Option(metavar="FILE.npz|FILE.parquet", help="Columns path, label, mean, log_variance.")],
    audio: Annotated[list[str] | None, typer.Argument(metavar="AUDIO", help="Recordings.")] = None,
    data: Annotated[Path | None, typer.Option(metavar="MANIFEST", help="Recordings, as a table.")] = None,
    json: Json = False,
) -> None:
    """Save what a model believes of each recording: the mean and log-variance of its latent."""
    from smalti.systems.embedding import embed as make

    with progress("embed") as tell:
        report = make(run, audio or (), data=data, to=to, progress=tell)
    finish(report, json=json)
