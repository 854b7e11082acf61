"""smalti demo: the whole story, offline, on built-in sounds or one's own."""

from pathlib import Path
from typing import Annotated

import typer

from smalti.cli.output import Json, epilog, finish

KEYS = epilog(
    codec="as of evaluate codec",
    generation="as of evaluate generation",
    search="as of evaluate retrieval; found: query and hits",
    stages="name: seconds",
    report="the page that tells it all",
)


def demo(
    folder: Annotated[
        Path | None, typer.Argument(help="Your sounds; sub-folder = label. Built-in if left out.")
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder for all results.")] = Path("demo-out"),
    find: Annotated[
        list[Path] | None,
        typer.Option(metavar="AUDIO", help="A sound to find the like of; may be given again."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Equal seeds give equal results.", min=0)] = 0,
    json: Json = False,
) -> None:
    """Train a codec and a language model, generate, measure, and write DIR/report.html."""
    from smalti.demo import demo as tell

    finish(tell(folder, out=out, seed=seed, own_queries=find or ()), json=json)
