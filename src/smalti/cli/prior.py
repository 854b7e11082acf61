"""smalti prior: what an encoder's frames are like, as a fixed first codebook."""

from pathlib import Path
from typing import Annotated

import typer

from smalti.cli.output import Json, epilog, finish, progress
from smalti.cli.views import Keys, rate

KEYS = epilog(
    file="where the centres lie",
    encoder="whose frames they are of",
    vocab="centres",
    dim="numbers of each",
    frames="heard",
    left="share of their variance that the centres leave unexplained",
    failed="path and reason of each recording that could not be read",
    audio_seconds="of sound",
    seconds="taken",
    real_time_factor="seconds per second of sound",
)
_ENCODER = "log-mel, a run that hears in vectors, or a folder of a wav2vec 2.0, HuBERT, WavLM or data2vec model."
_DATA = "Recordings, as a table; those for training are heard. Several tables share the centres equally."


def prior(
    encoder: Annotated[str, typer.Argument(metavar="ENCODER", help=_ENCODER)],
    data: Annotated[list[Path], typer.Option(metavar="MANIFEST", help=_DATA)],
    to: Annotated[Path, typer.Option(metavar="FILE.safetensors", help="Where the centres go.")],
    keys: Keys = None,
    vocab: Annotated[int, typer.Option(help="Centres.", min=2)] = 2048,
    layer: Annotated[int | None, typer.Option(help="Of a Hugging Face model; the last if left out.", min=0)] = None,
    passes: Annotated[int, typer.Option(help="Over all recordings.", min=1)] = 1,
    seed: Annotated[int, typer.Option(help="Of order and start.", min=0)] = 0,
    json: Json = False,
) -> None:
    """Cluster an encoder's frames; model.codes.prior=FILE makes the centres a codec's fixed first codebook."""
    from smalti.systems.hearing import Heard
    from smalti.systems.priors import learn_prior

    run = Heard(encoder, view=rate(keys))
    with progress("prior") as tell:
        report = learn_prior(run, data, to=to, vocab=vocab, layer=layer, passes=passes, seed=seed, progress=tell)
    finish(report, json=json)
