"""smalti import: a vocoder or codec of others, as weights and nothing else."""

from pathlib import Path
from typing import Annotated

import typer

from smalti.cli.output import Json, epilog, finish, say

KEYS = epilog(
    run="the run folder",
    format="as given",
    net="its kind",
    picture="a vocoder's mel preset",
    parameter_count="numbers that it has learnt",
    ignored="files beside it that were not read",
)


def import_(
    format: Annotated[str, typer.Argument(metavar="FORMAT", help="melgan, hifigan, vocos, bigvgan or encodec.")],
    file: Annotated[
        Path,
        typer.Argument(metavar="FILE", help="A PyTorch checkpoint, a .safetensors file, or a Hugging Face folder."),
    ],
    to: Annotated[Path, typer.Option(metavar="RUN", help="The run folder.")],
    picture: Annotated[str, typer.Option(help="Mel preset a vocoder was made for; else as published.")] = "",
    json: Json = False,
) -> None:
    """Import weights by their names and shapes; nothing in the file is run, and YAML is never read.

    Of EnCodec the encoder and decoder are taken, without its codes: the run it becomes serves as a first stage,
    smalti train almtokenizer/stage2 --load-path RUN.
    """
    from smalti.systems.importing import import_weights

    report = import_weights(format, file, to=to, picture=picture)
    for name in report.ignored:
        say(f"smalti: {name} lies beside the weights and was not read, as YAML can hold code")
    finish(report, json=json)
