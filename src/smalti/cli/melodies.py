"""smalti melodies: from takes of sung notes to melodies and queries that ask for them."""

from pathlib import Path
from typing import Annotated

import typer

from smalti.cli.output import Json, epilog, finish, progress

KEYS = epilog(
    files="recordings written",
    failed="path and reason of each recording that is no take of a note",
    left_out="notes with a single take, which no query could sing otherwise",
    notes="the others",
    melodies="different ones",
    audio_seconds="of sound",
    seconds="taken",
    manifest="where all are listed; beside it train.csv, and collection.csv with vanilla, stretched and shifted.csv",
)


def melodies(
    source: Annotated[Path, typer.Argument(metavar="NOTES", help="Takes of notes: a labelled folder or manifest.")],
    to: Annotated[Path, typer.Option(metavar="DIR", help="Folder for collection/, query/ and the manifests.")],
    count: Annotated[int, typer.Option(help="Melodies.", min=1)] = 100,
    notes: Annotated[str, typer.Option(metavar="FEWEST:MOST", help="Notes of a melody.")] = "5:12",
    queries: Annotated[int, typer.Option(help="Of each kind for each melody.", min=0)] = 1,
    hold_out: Annotated[float, typer.Option(metavar="SHARE", help="Share for testing.", min=0, max=1)] = 0.5,
    sample_rate: Annotated[int, typer.Option(help="In Hz.", min=1)] = 16_000,
    seed: Annotated[int, typer.Option(help="Equal seeds give equal bytes.", min=0)] = 0,
    json: Json = False,
) -> None:
    """Join takes of notes to melodies, and sing them again: other takes, another tempo, another key."""
    from smalti.core import ParameterError
    from smalti.data.melodies import MelodyChoices
    from smalti.data.melodies import melodies as make

    try:
        fewest, most = (int(part) for part in notes.split(":"))
    except ValueError:
        raise ParameterError(f"found notes {notes!r}, wanted two numbers such as 5:12; give fewest and most") from None
    choices = MelodyChoices(
        count=count, notes=(fewest, most), queries=queries, hold_out=hold_out, sample_rate=sample_rate, seed=seed
    )
    with progress("melodies") as tell:
        report = make(source, to, choices=choices, progress=tell)
    finish(report, json=json)
