"""smalti play: a language model is heard while it makes sound, and its knobs are live."""

from typing import Annotated

import typer

from smalti.cli.errors import INTERRUPTED
from smalti.cli.generate import SETTING
from smalti.cli.hearing import Bridge, VocoderRun, heard
from smalti.cli.output import Json, epilog, finish
from smalti.cli.sampling import Guidance, MinP, Temperature, TopK, TopP, sampling

KEYS = epilog(
    to="where the sound went",
    audio_seconds="of sound",
    seconds="until its end, without loading",
    real_time_factor="seconds of work per second of sound",
    first_audio_ms="until the first sample",
    underruns="blocks that a device had to fill up with silence",
    changes="name, value, at (second of the sound) and lag_ms (from the turn until then) of the last thousand",
    refused="turns that could not be",
    interrupted="by Ctrl-C",
)
_TO = (
    "sound (the sound card), - (WAV of 16 bit on standard output, as in `--to - | aplay`; results then go to stderr), "
    "null (nothing, at the pace of a sound card), or a file."
)
_OSC = (
    "Hear OSC at this UDP port of this machine, or at HOST:PORT: /set/NAME value, /label NAME, /temperature, "
    "/guidance, /quit."
)
_QUICK = (
    "Let a codec that can wait for less before it sounds, a little rougher, so that knobs are heard sooner; "
    "by default for all but files, which are exactly what `generate` writes."
)
_HEARD = "Turn knobs with the terminal's keys; by default where sound is heard at a terminal."


def play(
    run: Annotated[str, typer.Argument(metavar="RUN", help="A language model's run folder or shipped name.")],
    to: Annotated[str, typer.Option(metavar="OUT", help=_TO)] = "sound",
    seconds: Annotated[float | None, typer.Option(help="Length; else it plays on until Ctrl-C or q.")] = None,
    label: Annotated[str | None, typer.Option(help="Class of sound at first.")] = None,
    setting: Annotated[list[str] | None, typer.Option("--set", metavar="NAME=COURSE", help=SETTING)] = None,
    ahead: Annotated[float, typer.Option(metavar="MS", help="Sound kept ready, at least; less obeys sooner.")] = 75.0,
    glide: Annotated[float, typer.Option(metavar="SECONDS", help="That a knob takes to its new place.")] = 0.0,
    osc: Annotated[str | None, typer.Option(metavar="PORT", help=_OSC)] = None,
    keys: Annotated[bool | None, typer.Option("--keys/--no-keys", help=_HEARD)] = None,
    quick: Annotated[bool | None, typer.Option("--quick/--exact", help=_QUICK)] = None,
    temperature: Temperature = 1.0,
    top_k: TopK = 0,
    top_p: TopP = 0.9,
    min_p: MinP = 0.0,
    guidance: Guidance = None,
    seed: Annotated[int, typer.Option(help="Of the dice.", min=0)] = 0,
    vocoder: VocoderRun = None,
    bridge: Bridge = "",
    json: Json = False,
) -> None:
    """Hear a language model while it makes sound, and turn its knobs by keys or OSC.

    A change is heard after the sound kept ready (--ahead) and what the codec waits for before it can decode a frame.
    """
    from smalti.play import can_hear_keys
    from smalti.systems.playing import Live
    from smalti.systems.playing import play as hear

    report = hear(
        heard(run, vocoder, bridge),
        to=to,
        label=label,
        settings=setting or (),
        seconds=seconds,
        sampling=sampling(temperature=temperature, top_k=top_k, top_p=top_p, min_p=min_p, guidance=guidance),
        seed=seed,
        live=Live(ahead=ahead, glide=glide, osc=osc, keys=can_hear_keys() if keys is None else keys, quick=quick),
    )
    finish(report, json=json, aside=to == "-")
    if report.interrupted:
        raise typer.Exit(INTERRUPTED)
