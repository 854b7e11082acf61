"""smalti import: a vocoder, codec or encoder of others, as weights and nothing else."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from smalti.cli.output import Json, epilog, finish, say

KEYS = epilog(
    run="the run folder",
    format="as given",
    net="its kind",
    picture="a vocoder's mel preset",
    parameter_count="numbers that it has learnt",
    left_out="kinds of tensors in it that are not needed",
    ignored="files beside it that were not read",
    sha256="of the file of weights",
)
_FORMATS = "melgan, hifigan, vocos, bigvgan, encodec, matpac or dac."
_LABELS = "Names of its classes, one a line in their order; or AudioSet's table of index, mid, display_name."


def import_(
    format: Annotated[str, typer.Argument(metavar="FORMAT", help=_FORMATS)],
    file: Annotated[
        Path,
        typer.Argument(metavar="FILE", help="A PyTorch checkpoint, a .safetensors file, or a Hugging Face folder."),
    ],
    to: Annotated[Path, typer.Option(metavar="RUN", help="The run folder.")],
    picture: Annotated[str, typer.Option(help="Mel preset a vocoder was made for; else as published.")] = "",
    head: Annotated[Path | None, typer.Option(metavar="FILE", help="A classifier published beside a MATPAC.")] = None,
    task: Annotated[Literal["multi-label", "multi-class"] | None, typer.Option(help="What it decides.")] = None,
    labels: Annotated[Path | None, typer.Option(metavar="FILE", help=_LABELS)] = None,
    sample_rate: Annotated[int | None, typer.Option(metavar="HZ", help="Of a DAC that no file tells it of.")] = None,
    json: Json = False,
) -> None:
    """Import weights by their names and shapes; nothing in the file is run, and YAML is never read.

    Of EnCodec the encoder and decoder are taken, without its codes: the run it becomes serves as a first stage,
    smalti train almtokenizer/stage2 --load-path RUN. Of MATPAC's and M2D's files the encoder is taken, and a classifier
    if there is one (smalti tag). DAC becomes a run that encodes and decodes as it is. Published weights keep their
    licence: a run made of them is not for passing on.
    """
    from smalti.systems.importing import Classifier, import_weights

    classifier = Classifier(head, task, labels)
    report = import_weights(format, file, to=to, picture=picture, classifier=classifier, sample_rate=sample_rate)
    for name in report.ignored:
        say(f"smalti: {name} lies beside the weights and was not read, as YAML can hold code")
    finish(report, json=json)
