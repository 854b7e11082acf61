"""smalti search: find sound by sound."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from smalti.cli.output import Json, epilog, finish

KEYS = epilog(
    query="the recording that was given",
    hits="path, label, start and end (seconds), score (1 equal, 0 nothing in common), soft_score (what the tokenizer "
    "believes, less how unlike it sounds, if it says so: then it decides the order), edit_distance, shared_ngrams, "
    "tokens, query_tokens",
    seconds="taken to find, without hearing the query",
    searches="with several recordings in place of these: query, hits, seconds of each",
    failed="path and reason of each that could not be heard",
)


def search(
    folder: Annotated[Path, typer.Argument(metavar="INDEX", help="What `smalti index` made.")],
    audio: Annotated[list[str], typer.Argument(metavar="AUDIO", help="Recordings to look for.")],
    top: Annotated[int, typer.Option(help="Hits wanted.", min=1)] = 10,
    candidates: Annotated[int, typer.Option(help="Passages compared in full; more is slower and surer.", min=1)] = 1000,
    exhaustive: Annotated[bool, typer.Option("--exhaustive", help="Compare all passages: the truth, slowly.")] = False,
    inside: Annotated[bool, typer.Option("--inside", help="Look inside short recordings too.")] = False,
    soft: Annotated[int, typer.Option(help="Nearest passages put in order by soft score; 0 for none.", min=0)] = 400,
    seed: Annotated[int, typer.Option(help="Of the draw between equals.")] = 0,
    json: Json = False,
) -> None:
    """Find the recordings, and the places in long ones, that sound most like a recording."""
    from smalti.search import SearchSettings
    from smalti.systems.searching import search as find

    settings = SearchSettings(
        top=top, candidates=candidates, exhaustive=exhaustive, inside=inside, soft=soft, seed=seed
    )
    report = find(folder, audio, settings)
    found: list[dict[str, Any]] = [asdict(one) for one in report.found]
    shown = found[0] if len(audio) == 1 else {"searches": found}
    finish({**shown, "failed": report.failed}, json=json)
