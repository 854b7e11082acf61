"""smalti show: what a file or folder is, and what is in it."""

from pathlib import Path
from typing import Annotated

import typer

from smalti.cli.output import Json, epilog, finish

KEYS = epilog(
    kind="run, store, tokens, manifest or recording",
    path="as given",
    spec="of tokens: sample_rate, hop, codebooks, vocab, tokenizer, frame_rate, bitrate",
    run="system, steps, finished, metrics, parameter_count, of a language model labels, parameters, latent",
    audio="of a recording in a codec: picture, crop, grid, tokens as published (ten seconds); whole, bitrate",
    vocoder="net and picture",
    store="clips, failed, audio_seconds, labels",
    manifest="files, audio_seconds, labels, parameters, splits",
    recording="seconds, sample_rate, channels, format, flags",
)


def show(
    path: Annotated[Path, typer.Argument(help="A run, token store, .smt file, manifest or recording.")],
    audio: Annotated[Path | None, typer.Argument(help="A recording, for a codec's run: how it would see it.")] = None,
    json: Json = False,
) -> None:
    """Say what something is, or what a codec makes of a recording."""
    from smalti.systems.show import show as describe

    finish(describe(path, audio), json=json)
