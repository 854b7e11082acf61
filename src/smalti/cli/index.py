"""smalti index: recordings to a search index."""

from pathlib import Path
from typing import Annotated

import typer

from smalti.cli.output import Json, epilog, finish, progress
from smalti.cli.views import RECORDINGS, parted

KEYS = epilog(
    recordings="in the index now",
    passages="that are compared: whole recordings, or windows of long ones",
    added="recordings heard now",
    kept="recordings that were there already",
    removed="recordings taken out",
    failed="path and reason of each that could not be heard",
    audio_seconds="of sound heard now",
    seconds="taken",
    real_time_factor="seconds per second of sound",
)


def index(
    run: Annotated[str, typer.Argument(metavar="RUN", help="A tokenizer's run folder or shipped name.")],
    to: Annotated[Path, typer.Option(metavar="INDEX", help="The index's folder, new or to be added to.")],
    audio: Annotated[list[str] | None, typer.Argument(metavar="AUDIO [KEY=VALUE]", help=RECORDINGS)] = None,
    data: Annotated[
        Path | None, typer.Option(metavar="MANIFEST|FOLDER", help="Recordings, as a table or a folder.")
    ] = None,
    codebook: Annotated[int | None, typer.Option(help="Code stream to search by; 0, the first, is coarsest.")] = None,
    window: Annotated[
        int | None, typer.Option(help="Tokens of a passage; longer recordings become several; 64 if unsaid.")
    ] = None,
    hop: Annotated[int | None, typer.Option(help="Tokens from one passage to the next; half if unsaid.")] = None,
    triples: Annotated[bool, typer.Option("--triples", help="Words of three tokens beside those of two.")] = False,
    no_soft: Annotated[
        bool, typer.Option("--no-soft", help="Do not keep how likely a soft tokenizer held every code, of every frame.")
    ] = False,
    remove: Annotated[bool, typer.Option("--remove", help="Take these recordings out of the index.")] = False,
    json: Json = False,
) -> None:
    """Index recordings of any length by their tokens; the same command again adds what is new or has changed."""
    from smalti.core import ParameterError
    from smalti.search import IndexSettings
    from smalti.systems.hearing import Heard
    from smalti.systems.searching import index as make
    from smalti.systems.searching import remove as take_out

    files, view = parted(audio)
    if remove:
        if data is not None or not files:
            raise ParameterError("found --remove without recordings by name; name them, as the index does")
        return finish(take_out(files, to=to), json=json)
    size = window or 64
    step = hop or max(size // 2, 1)
    asked = IndexSettings(codebook=codebook or 0, window=size, hop=step, triples=triples, soft=not no_soft)
    said = triples or no_soft or any(one is not None for one in (codebook, window, hop))
    with progress("index") as tell:
        report = make(Heard(run, view=view), files, data=data, to=to, settings=asked if said else None, progress=tell)
    return finish(report, json=json)
