"""smalti interpolate: sounds on the way from one recording to another."""

from pathlib import Path
from typing import Annotated

import typer

from smalti.cli.output import Json, epilog, finish

KEYS = epilog(
    files="written",
    paths="where they lie",
    shares="of the way: 0 is the first recording, 1 the second, …",
    audio_seconds="of sound",
    seconds="taken",
    real_time_factor="seconds per second of sound",
)


def interpolate(
    run: Annotated[str, typer.Argument(metavar="RUN", help="A run of a model whose clips have latents.")],
    audio: Annotated[list[Path], typer.Argument(metavar="AUDIO", help="Recordings, passed in this order.")],
    to: Annotated[Path, typer.Option(metavar="DIR", help="Folder for step-1.wav, step-2.wav, …")],
    steps: Annotated[int, typer.Option(help="Sounds from each to the next, both included.", min=2)] = 5,
    linear: Annotated[bool, typer.Option("--linear", help="Along a line in place of an arc (slerp).")] = False,
    seconds: Annotated[float | None, typer.Option(help="Length of each; of the longest recording if left out.")] = None,
    label: Annotated[str | None, typer.Option(help="Class of sound that the model is told.")] = None,
    temperature: Annotated[float, typer.Option(help="0 takes the likeliest code.", min=0)] = 0.0,
    top_k: Annotated[int, typer.Option(help="Only the k likeliest codes; 0 for all.", min=0)] = 0,
    top_p: Annotated[float, typer.Option(help="Only the likeliest codes of this share.", min=0, max=1)] = 0.9,
    seed: Annotated[int, typer.Option(help="Of all sounds: what differs is the latent's doing.", min=0)] = 0,
    json: Json = False,
) -> None:
    """Decode the latents of recordings and what lies between them; the ends are the recordings' own decodes."""
    from smalti.generate import Sampling
    from smalti.systems.interpolation import Route
    from smalti.systems.interpolation import interpolate as make

    report = make(
        run,
        audio,
        to=to,
        route=Route(steps=steps, way="linear" if linear else "slerp"),
        seconds=seconds,
        label=label,
        sampling=Sampling(temperature=temperature, top_k=top_k, top_p=top_p),
        seed=seed,
    )
    finish(report, json=json)
