"""smalti generate: sound from a language model, as it is asked."""

from pathlib import Path
from typing import Annotated

import typer

from smalti.cli.hearing import Bridge, VocoderRun, heard
from smalti.cli.output import Json, epilog, finish
from smalti.cli.sampling import Guidance, MinP, Noise, Passes, Temperature, TopK, TopP, sampling

KEYS = epilog(
    files="written",
    paths="where they lie",
    audio_seconds="of sound",
    seconds="taken",
    real_time_factor="seconds per second of sound",
    bitrate="of the tokens, bit/s; null without tokens",
    seeds="one for each file",
)
_GAP = "Seconds of the prompt to make anew, everything else kept; wants a model that fills gaps."
_TO = "OUT.smt keeps the tokens alone, OUT.npy a frame model's log-mels. With --count: OUT-1.wav, OUT-2.wav, …"
LABEL = "Class of sound; A:B or SECOND:A,SECOND:B passes from one to the next, A=0.3,B=0.7 mixes, all is each in turn."
SETTING = "NAME=VALUE, FROM:TO, SECOND:VALUE,SECOND:VALUE, or a word: sweep, middle, steps; may be repeated."


def generate(
    run: Annotated[str, typer.Argument(metavar="RUN", help="A language model's run folder or shipped name.")],
    to: Annotated[Path, typer.Option(metavar="OUT.wav", help=_TO)],
    seconds: Annotated[float | None, typer.Option(help="Length of each sound, behind the prompt.")] = None,
    label: Annotated[str | None, typer.Option(metavar="NAME|COURSE", help=LABEL)] = None,
    setting: Annotated[list[str] | None, typer.Option("--set", metavar="NAME=COURSE", help=SETTING)] = None,
    count: Annotated[int, typer.Option(help="How many sounds.", min=1)] = 1,
    prompt: Annotated[Path | None, typer.Option(metavar="AUDIO", help="A recording to continue.")] = None,
    prompt_seconds: Annotated[float | None, typer.Option(help="Only the prompt's beginning.", min=0)] = None,
    inpaint: Annotated[str | None, typer.Option(metavar="FROM:TO", help=_GAP)] = None,
    temperature: Temperature = 1.0,
    top_k: TopK = 0,
    top_p: TopP = 0.9,
    min_p: MinP = 0.0,
    guidance: Guidance = None,
    passes: Passes = 16,
    noise: Noise = 4.5,
    seed: Annotated[int, typer.Option(help="Of the first sound; the others count on.", min=0)] = 0,
    vocoder: VocoderRun = None,
    bridge: Bridge = "",
    json: Json = False,
) -> None:
    """Generate sounds under a label and parameters that may move, continue a recording, or make a part of it anew."""
    from smalti.systems.generation import generate as make
    from smalti.systems.generation import prompt_of

    report = make(
        heard(run, vocoder, bridge),
        to=to,
        label=label,
        settings=setting or (),
        seconds=seconds,
        prompt=prompt_of(prompt, seconds=prompt_seconds, gap=inpaint),
        sampling=sampling(
            temperature=temperature,
            top_k=top_k,
            top_p=top_p,
            min_p=min_p,
            guidance=guidance,
            passes=passes,
            noise=noise,
        ),
        seeds=range(seed, seed + count),
    )
    finish(report, json=json)
