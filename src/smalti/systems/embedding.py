"""Vectors of recordings, by the name of a run, in a table: of an encoder's frames, or of a language model's latents."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch

from smalti.core import Audio, Codec, DataError, Encoder, LanguageModel, LatentLM, ParameterError, SpecError
from smalti.evaluate.vectors import batches, layer_embeddings
from smalti.systems.hearing import RunName, heard_as
from smalti.systems.layers import Layers, chosen_layers
from smalti.systems.registry import CONFIG, TOKENIZER, find_run, load, load_codec_of, load_encoder, load_lm
from smalti.systems.sources import sounds
from smalti.systems.transcoding import recordings, require_one_source
from smalti.systems.vector_tables import Numbers, write_frames, write_recordings
from smalti.transcode.files import Progress, no_progress

Pool = Literal["mean", "max", "none"]
Clips = Iterable[tuple[int, Audio]]


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbedReport:
    """What was embedded.

    Attributes:
        files: recordings in the table; `failed` lists path and reason of the others.
        vectors: rows of it.
        latent: numbers of each.
        audio_seconds: of sound.
        seconds, real_time_factor: taken, and per second of sound.
    """

    files: int
    failed: tuple[dict[str, str], ...]
    vectors: int
    latent: int
    audio_seconds: float
    seconds: float
    real_time_factor: float


def load_latent_lm(run: str | Path) -> tuple[LatentLM, Codec]:
    """Open a model whose clips have latents, and its codec.

    Raises:
        StoreError: if the run cannot be used.
        SpecError: if its clips have no latents, or the codec is another than the model's.
    """
    folder = find_run(run)
    lm = load_lm(folder)
    if not isinstance(lm, LatentLM):
        raise SpecError(f"{run} is a model without latents, wanted one that has them; train melgpt/vae on its tokens")
    return lm, load_codec_of(folder / TOKENIZER, lm.spec)


@torch.no_grad()
def embed(
    run: RunName,
    audio: Sequence[str | Path] = (),
    *,
    data: Path | None = None,
    to: Path,
    pool: Pool = "mean",
    layers: Layers = "last",
    progress: Progress = no_progress,
) -> EmbedReport:
    """Save the vectors of every recording, complete or not at all; those that cannot be read are listed.

    One row a recording, with `path` and `label` (if there are any): of an encoder `mean` and `deviation` over its
    frames, or their `max`; of layers that are named `mean_1`, `deviation_1` and so on; of a language model whose clips
    have latents `mean` and `log_variance` of its belief. One row a frame, if
    asked for: see `smalti.systems.vector_tables.write_frames`. Memory grows with the longest recording; and with the
    number of recordings where each is a row.

    Args:
        run: of an encoder, or of a codec that is one, maybe with a rate; or of such a language model.
        audio: recordings.
        data: a manifest of recordings, in place of `audio`.
        to: a .npz or .parquet file.
        pool: "mean" and "max" keep a row for each recording, "none" one for each frame.
        layers: of an encoder of several: "last", "all", or numbers from 1.
        progress: told (recordings done, in all).
    Raises:
        ParameterError: for another suffix, both or neither of `audio` and `data`, or frames of what has none.
        DataError: if none can be read.
        StoreError, SpecError: if run or target cannot be used.
    """
    begin = time.perf_counter()
    if to.suffix not in (".npz", ".parquet"):
        raise ParameterError(f"{to} ends in {to.suffix or 'nothing'}, wanted .npz or .parquet; name such a file")
    require_one_source(audio, data)
    source = _opened(run, pool, layers)
    manifest, failed = recordings(audio, data)
    refused: list[dict[str, str]] = [*failed]
    lengths: list[int] = []

    def heard() -> Iterator[tuple[int, Numbers]]:
        for row, sound, numbers in source.rows(sounds(manifest, source.sample_rate, refused)):
            lengths.append(sound.samples.shape[1])
            progress(row + 1, manifest.rows)
            yield row, numbers
        progress(manifest.rows, manifest.rows)
        if not lengths:
            raise DataError("; ".join(one["reason"] for one in refused[:3]))

    vectors = (write_frames if pool == "none" else write_recordings)(to, manifest, heard())
    spent, seconds = time.perf_counter() - begin, sum(lengths) / source.sample_rate
    return EmbedReport(
        files=len(lengths),
        failed=tuple(refused),
        vectors=vectors,
        latent=source.latent,
        audio_seconds=seconds,
        seconds=spent,
        real_time_factor=spent / seconds,
    )


@dataclass(frozen=True, slots=True)
class _Source:
    """What makes numbers of recordings."""

    sample_rate: int
    latent: int
    rows: Callable[[Clips], Iterator[tuple[int, Audio, Numbers]]]


def _opened(run: RunName, pool: Pool, layers: Layers) -> _Source:
    name = heard_as(run).run
    if not _is_language_model(name):
        encoder = load_encoder(run)
        chosen = chosen_layers(encoder, layers)
        if pool == "none" and len(chosen) > 1:
            raise ParameterError(f"found layers {list(chosen)} with pool none, wanted one; a frame is one vector")
        return _Source(encoder.sample_rate, encoder.dim, lambda clips: _encoded(encoder, clips, pool, chosen))
    lm, codec = load_latent_lm(name)
    if pool != "mean" or layers != "last":
        raise ParameterError(
            f"{name} has one latent for each recording, found pool {pool}, layers {layers}; leave them"
        )
    return _Source(codec.spec.sample_rate, lm.latent, lambda clips: _inferred(lm, codec, clips))


def _is_language_model(name: str | Path) -> bool:
    """Whether a run is one; log-mel frames and models of `transformers` are no runs."""
    folder = find_run(name)
    return (folder / CONFIG).is_file() and isinstance(load(folder), LanguageModel)


def _encoded(
    encoder: Encoder, clips: Clips, pool: Pool, layers: tuple[int, ...]
) -> Iterator[tuple[int, Audio, Numbers]]:
    for row, sound, heard in layer_embeddings(encoder, clips, layers):
        named = dict(zip([f"_{layer}" for layer in layers] or [""], heard, strict=True))
        if pool == "none":
            seconds = torch.arange(len(heard[0]), dtype=torch.float64) * (encoder.hop / encoder.sample_rate)
            yield row, sound, {"frames": heard[0], "seconds": seconds}
        elif pool == "max":
            yield row, sound, {f"max{name}": frames.amax(0) for name, frames in named.items()}
        else:
            means = {f"mean{name}": frames.mean(0) for name, frames in named.items()}
            spread = {f"deviation{name}": frames.std(0, unbiased=False) for name, frames in named.items()}
            yield row, sound, {**means, **spread}


def _inferred(lm: LatentLM, codec: Codec, clips: Clips) -> Iterator[tuple[int, Audio, Numbers]]:
    for batch in batches(clips):
        belief = lm.infer(codec.encode(Audio.batch(sound for _, sound in batch)))
        for at, (row, sound) in enumerate(batch):
            yield row, sound, {"mean": belief.mean[at], "log_variance": belief.log_variance[at]}
