"""smalti show: what a file or folder is, and what is in it."""

from pathlib import Path
from typing import Annotated

import typer

from smalti.cli.output import Json, epilog, finish
from smalti.cli.views import parted

KEYS = epilog(
    kind="run, store, tokens, dac, manifest or recording",
    path="as given",
    spec="of tokens: sample_rate, hop, codebooks, vocab, tokenizer, frame_rate, bitrate",
    rates="of a codec with several: window, frame_rate, and bitrate_1 … by how many codebooks are used",
    file_bitrate="of a .smt or .dac file: bit/s that it takes, header and all",
    dac="of a .dac file: codebooks, frames, chunks, chunk_length, channels, padding, sample_rate, input_db, warning",
    run="system, steps, finished, metrics, parameter_count, of a language model labels, parameters, latent",
    audio="of a recording in a codec: picture, crop, grid, tokens as published (ten seconds); whole, bitrate",
    vocoder="net and picture",
    store="clips, failed, audio_seconds, labels",
    manifest="files, audio_seconds, labels, parameters, splits",
    recording="seconds, sample_rate, channels, format, flags",
)
_AUDIO = "A recording, for a codec's run: how it would see it; of one with several rates also window=6 codebooks=3."


def show(
    path: Annotated[Path, typer.Argument(help="A run, token store, index, .smt or .dac file, manifest or recording.")],
    audio: Annotated[list[str] | None, typer.Argument(metavar="[AUDIO] [KEY=VALUE]", help=_AUDIO)] = None,
    json: Json = False,
) -> None:
    """Say what something is, or what a codec makes of a recording."""
    from smalti.core import ParameterError
    from smalti.systems.show import show as describe

    files, view = parted(audio)
    if len(files) > 1:
        raise ParameterError(f"found {len(files)} recordings, wanted one at most; show them one by one")
    finish(describe(path, Path(files[0]) if files else None, view=view if str(view) else None), json=json)
