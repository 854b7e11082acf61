"""smalti embed: recordings to vectors."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from smalti.cli.output import Json, epilog, finish, progress
from smalti.cli.views import RECORDINGS, parted

_POOL = "mean: a row a recording, mean and deviation of its frames; max: their maximum; none: a row a frame."

KEYS = epilog(
    files="recordings in the table",
    kept="of them, done by a command that was interrupted",
    failed="path and reason of each that could not be read",
    vectors="rows of it",
    latent="numbers of each vector",
    audio_seconds="of sound",
    seconds="taken",
    real_time_factor="seconds per second of sound heard now",
)


def embed(
    run: Annotated[str, typer.Argument(metavar="RUN", help="An encoder, or a model whose clips have latents.")],
    to: Annotated[Path, typer.Option(metavar="FILE.npz|FILE.parquet", help="Paths, labels and vectors.")],
    audio: Annotated[list[str] | None, typer.Argument(metavar="AUDIO [KEY=VALUE]", help=RECORDINGS)] = None,
    data: Annotated[Path | None, typer.Option(metavar="MANIFEST", help="Recordings, as a table.")] = None,
    pool: Annotated[Literal["mean", "max", "none"], typer.Option(help=_POOL)] = "mean",
    layers: Annotated[str, typer.Option(help="last, all, or numbers such as 1,6,12.")] = "last",
    json: Json = False,
) -> None:
    """Save an encoder's vectors of recordings, or mean and log_variance of what a model believes of each.

    What is done lies in FILE.parts until all is: interrupted, the same command goes on.
    """
    from smalti.systems.embedding import embed as make
    from smalti.systems.hearing import Heard
    from smalti.systems.layers import layers_of

    files, view = parted(audio)
    with progress("embed") as tell:
        report = make(
            Heard(run, view=view), files, data=data, to=to, pool=pool, layers=layers_of(layers), progress=tell
        )
    finish(report, json=json)
