"""smalti textures: sounds with knobs, made from nothing, and a manifest that knows every knob."""

from pathlib import Path
from typing import Annotated

import typer

from smalti.cli.output import Json, comma_separated, epilog, finish

KEYS = epilog(
    files="clips written",
    failed="always empty",
    audio_seconds="of sound",
    seconds="spent rendering",
    real_time_factor="seconds per second of sound",
    kinds="labels",
    estimates="per label.parameter, how well the sound tells what was asked (spearman, median_error, unit)",
)


def textures(
    to: Annotated[Path, typer.Option(help="Folder for the clips and manifest.csv.")],
    clips: Annotated[int, typer.Option(help="Clips of each kind.", min=1)],
    seconds: Annotated[float, typer.Option(help="Length of a clip.")],
    kinds: Annotated[str, typer.Option(help="Kinds to render, such as rain,wind; all by default.")] = "",
    vary: Annotated[str, typer.Option(help="Parameters that vary, such as rate,wind.gust, or all.")] = "",
    moving: Annotated[float, typer.Option(help="Share of clips in which the parameter moves.", min=0, max=1)] = 0.0,
    sample_rate: Annotated[int, typer.Option(help="In Hz.")] = 44_100,
    seed: Annotated[int, typer.Option(help="Equal seeds give equal bytes.", min=0)] = 0,
    json: Json = False,
) -> None:
    """Render procedural textures with exact parameters, and the manifest that names them."""
    from smalti.data.textures.corpus import textures as render

    report = render(
        to,
        clips=clips,
        seconds=seconds,
        kinds=comma_separated(kinds),
        vary=comma_separated(vary),
        moving=moving,
        sample_rate=sample_rate,
        seed=seed,
    )
    finish(report, json=json)
