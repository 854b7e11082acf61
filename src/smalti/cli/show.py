"""smalti show: what a file or folder is, and what is in it."""

from pathlib import Path
from typing import Annotated

import typer

from smalti.cli.output import Json, epilog, finish

KEYS = epilog(
    kind="run, store, tokens, manifest or recording",
    path="as given",
    spec="of tokens: sample_rate, hop, codebooks, vocab, tokenizer, frame_rate, bitrate",
    run="system, steps, finished, metrics; of a language model labels, parameters, latent",
    store="clips, failed, audio_seconds, labels",
    manifest="files, audio_seconds, labels, parameters, splits",
    recording="seconds, sample_rate, channels, format, flags",
)


def show(
    path: Annotated[Path, typer.Argument(help="A run, token store, .smt file, manifest or recording.")],
    json: Json = False,
) -> None:
    """Say what something is."""
    from smalti.systems.show import show as describe

    finish(describe(path), json=json)
