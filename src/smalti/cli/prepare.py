"""smalti prepare: from whatever holds recordings to a manifest."""

from pathlib import Path
from typing import Annotated

import typer

from smalti.cli.output import Json, epilog, finish, progress

KEYS = epilog(
    files="recordings that can be used",
    failed="path and reason of each that cannot",
    flagged="path and flags of each usable one with something odd",
    audio_seconds="of sound",
    manifest="where it lies",
    too_many_bad="whether more failed than --max-bad; then nothing was written",
)


def prepare(
    source: Annotated[Path, typer.Argument(help="A folder of recordings, or a corpus's list file.")],
    to: Annotated[Path, typer.Option(metavar="MANIFEST", help="A .csv or .parquet file.")],
    corpus: Annotated[str | None, typer.Option(help="Layout, such as esc50; guessed if left out.")] = None,
    workers: Annotated[int, typer.Option(help="Files read at once.", min=1)] = 1,
    max_bad: Annotated[float, typer.Option(help="Largest share of bad recordings.", min=0, max=1)] = 0.1,
    json: Json = False,
) -> None:
    """Read every recording to its end and list those that can be used, with what is known of them."""
    from smalti.data.prepare import prepare as make

    with progress("prepare") as tell:
        report = make(source, to, corpus=corpus, workers=workers, max_bad=max_bad, progress=tell)
    finish(report, json=json)
