"""smalti interpolate: sounds on the way from one recording to another, or with another's timbre."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from smalti.cli.output import Json, epilog, finish
from smalti.cli.views import RECORDINGS, parted

KEYS = epilog(
    files="written",
    failed="path and reason of recordings of a label that could not be read",
    paths="where they lie",
    shares="of the way: 0 is the first recording, 1 the second, …; none of a sound that glides",
    audio_seconds="of sound",
    seconds="taken",
    real_time_factor="seconds per second of sound",
)
_RUN = "A codec whose latents can be heard, or a model whose clips have latents."
_AUDIO = f"Passed in this order. {RECORDINGS} With --data also labels."
_WAY = (
    "Along an arc (a model's, if left out) or a line (a codec's); shift moves all latents of the first recording "
    "alike, until their mean, its timbre, is that of the next."
)
_LENGTH = "Length of each; if left out, a model's are as long as the longest recording, a codec's change on the way."


def interpolate(
    run: Annotated[str, typer.Argument(metavar="RUN", help=_RUN)],
    audio: Annotated[list[str], typer.Argument(metavar="AUDIO [KEY=VALUE]", help=_AUDIO)],
    to: Annotated[Path, typer.Option(metavar="DIR", help="Folder for step-1.wav, step-2.wav, …, or glide.wav.")],
    steps: Annotated[int, typer.Option(help="Sounds from each to the next, both included.", min=2)] = 5,
    way: Annotated[Literal["slerp", "linear", "shift"] | None, typer.Option(help=_WAY)] = None,
    glide: Annotated[bool, typer.Option("--glide", help="Codec: one sound that goes all the way as it plays.")] = False,
    unquantized: Annotated[
        bool, typer.Option("--unquantized", help="Codec: hear latents as they are, not their nearest codes.")
    ] = False,
    data: Annotated[
        Path | None, typer.Option(metavar="MANIFEST", help="Codec: a label of it is the mean of its recordings.")
    ] = None,
    by: Annotated[str, typer.Option(metavar="COLUMN", help="Of the manifest, that holds the labels.")] = "label",
    seconds: Annotated[float | None, typer.Option(help=_LENGTH)] = None,
    label: Annotated[str | None, typer.Option(help="Class of sound that a model is told.")] = None,
    temperature: Annotated[float, typer.Option(help="Model: 0 takes the likeliest code.", min=0)] = 0.0,
    top_k: Annotated[int, typer.Option(help="Model: only the k likeliest codes; 0 for all.", min=0)] = 0,
    top_p: Annotated[float, typer.Option(help="Model: only the likeliest of this share.", min=0, max=1)] = 0.9,
    seed: Annotated[int, typer.Option(help="Of all sounds: what differs is the latent's doing.", min=0)] = 0,
    json: Json = False,
) -> None:
    """Decode the latents of recordings and what lies between them; the ends are the recordings' own decodes."""
    from smalti.generate import Sampling
    from smalti.systems.hearing import Heard
    from smalti.systems.interpolation import interpolate as make
    from smalti.systems.routes import Route

    files, view = parted(audio)
    report = make(
        Heard(run, view=view),
        files,
        to=to,
        route=Route(steps=steps, way=way, glide=glide, quantized=not unquantized, data=data, by=by),
        seconds=seconds,
        label=label,
        sampling=Sampling(temperature=temperature, top_k=top_k, top_p=top_p),
        seed=seed,
    )
    finish(report, json=json)
