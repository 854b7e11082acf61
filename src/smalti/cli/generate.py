"""smalti generate: sound from a language model, as it is asked."""

from pathlib import Path
from typing import Annotated

import typer

from smalti.cli.output import Json, epilog, finish

KEYS = epilog(
    files="written",
    paths="where they lie",
    audio_seconds="of sound",
    seconds="taken",
    real_time_factor="seconds per second of sound",
    bitrate="of the tokens, bit/s",
    seeds="one for each file",
)
_SETTING = "NAME=VALUE, NAME=FROM:TO or NAME=SECOND:VALUE,SECOND:VALUE; may be repeated."


def generate(
    run: Annotated[str, typer.Argument(metavar="RUN", help="A language model's run folder or shipped name.")],
    seconds: Annotated[float, typer.Option(help="Length of each sound, behind the prompt.")],
    to: Annotated[Path, typer.Option(metavar="OUT.wav", help="With --count: OUT-1.wav, OUT-2.wav, …")],
    label: Annotated[str | None, typer.Option(help="Class of sound.")] = None,
    setting: Annotated[list[str] | None, typer.Option("--set", metavar="NAME=COURSE", help=_SETTING)] = None,
    count: Annotated[int, typer.Option(help="How many sounds.", min=1)] = 1,
    prompt: Annotated[Path | None, typer.Option(metavar="AUDIO", help="A recording to continue.")] = None,
    temperature: Annotated[float, typer.Option(help="0 takes the likeliest code.", min=0)] = 1.0,
    top_k: Annotated[int, typer.Option(help="Only the k likeliest codes; 0 for all.", min=0)] = 0,
    top_p: Annotated[float, typer.Option(help="Only the likeliest codes of this share.", min=0, max=1)] = 0.9,
    guidance: Annotated[float, typer.Option(help="Push towards what is asked; 1 is off.", min=0)] = 1.0,
    seed: Annotated[int, typer.Option(help="Of the first sound; the others count on.", min=0)] = 0,
    json: Json = False,
) -> None:
    """Generate sounds under a label and parameters that may move, or continue a recording."""
    from smalti.generate import Sampling
    from smalti.systems.generation import generate as make

    report = make(
        run,
        to=to,
        label=label,
        settings=setting or (),
        seconds=seconds,
        prompt=prompt,
        sampling=Sampling(temperature=temperature, top_k=top_k, top_p=top_p, guidance=guidance),
        seeds=range(seed, seed + count),
    )
    finish(report, json=json)
