"""smalti train: learn a system from sounds or tokens."""

from pathlib import Path
from typing import Annotated

import typer

from smalti.cli.output import Json, epilog, finish

KEYS = epilog(run="the run folder", steps="done", seconds="taken", metrics="name: value, of the last evaluation")


def train(
    preset: Annotated[str, typer.Argument(metavar="PRESET|CONFIG.toml", help="Such as melvqvae/tiny.")],
    data: Annotated[Path, typer.Option(help="A manifest; for a language model, a token store.")],
    out: Annotated[Path, typer.Option(metavar="RUN", help="The run folder.")],
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run, if it has begun.")] = False,
    load_path: Annotated[
        Path | None, typer.Option(metavar="RUN", help="Begin with a part of this run, such as stage 1 of a GPT-VAE.")
    ] = None,
    encoder: Annotated[
        str | None, typer.Option(metavar="RUN", help="For kmeans: log-mel, a run, or a Hugging Face folder.")
    ] = None,
    overrides: Annotated[
        list[str] | None, typer.Argument(metavar="KEY=VALUE", help="Settings, such as train.steps=2000.")
    ] = None,
    json: Json = False,
) -> None:
    """Train a system; a killed run goes on with --resume and ends as if nothing had been."""
    from smalti.systems.training import train as learn

    report = learn(
        preset, data=data, out=out, resume=resume, load_path=load_path, encoder=encoder, overrides=overrides or ()
    )
    finish(report, json=json)
