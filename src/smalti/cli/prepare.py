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
    notes="what was odd in lists and was taken as meant",
)
_SOURCE = "A folder of recordings, or a corpus's list file; several become one table."


def prepare(
    source: Annotated[list[Path], typer.Argument(metavar="SOURCE", help=_SOURCE)],
    to: Annotated[Path, typer.Option(metavar="MANIFEST", help="A .csv or .parquet file.")],
    corpus: Annotated[str | None, typer.Option(help="Layout, such as esc50; guessed if left out.")] = None,
    workers: Annotated[int, typer.Option(help="Files read at once.", min=1)] = 1,
    max_bad: Annotated[float, typer.Option(help="Largest share of bad recordings.", min=0, max=1)] = 0.1,
    hold_out: Annotated[
        float | None, typer.Option(metavar="SHARE", help="Share of each label kept out of training.", min=0, max=1)
    ] = None,
    group: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="Equal values stay together when some are held out.")
    ] = None,
    validation: Annotated[
        list[Path] | None, typer.Option(metavar="SOURCE", help="Kept out of training, as a whole; may be repeated.")
    ] = None,
    features: Annotated[
        str | None, typer.Option(metavar="PRESET", help="Draw mel pictures, specvqgan or matpac, and list these.")
    ] = None,
    features_to: Annotated[Path | None, typer.Option(metavar="DIR", help="Folder of the pictures.")] = None,
    json: Json = False,
) -> None:
    """Read every recording to its end and list those that can be used, with what is known of them."""
    from smalti.core import ParameterError
    from smalti.data.prepare import PrepareChoices
    from smalti.data.prepare import prepare as make

    if (features is None) != (features_to is None):
        raise ParameterError("found one of --features and --features-to, wanted both; say what to draw and where")
    choices = PrepareChoices(
        features=features,
        features_to=features_to or Path(),
        hold_out=hold_out,
        group=group,
        validation=tuple(validation or ()),
    )
    with progress("prepare") as tell:
        report = make(source, to, corpus=corpus, workers=workers, max_bad=max_bad, choices=choices, progress=tell)
    finish(report, json=json)
