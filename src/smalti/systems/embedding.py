"""Vectors of recordings, by the name of a run, in a table: of an encoder's frames, or of a language model's latents."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch

import smalti
from smalti.core import Audio, Codec, DataError, Encoder, LanguageModel, LatentLM, ParameterError, SpecError, reasons
from smalti.data.manifest import Manifest
from smalti.evaluate.vectors import batches, layer_embeddings
from smalti.store import Parts, unfinished
from smalti.systems.encoders import named_encoder, run_fingerprint
from smalti.systems.hearing import RunName, heard_as
from smalti.systems.layers import Layers, chosen_layers
from smalti.systems.registry import CONFIG, TOKENIZER, find_run, load, load_codec_of, load_lm
from smalti.systems.sources import sounds
from smalti.systems.transcoding import recordings, require_one_source
from smalti.systems.vector_parts import Numbers, VectorPart, digest, spans, write_vectors
from smalti.systems.vector_tables import write_table
from smalti.transcode.files import Progress, no_progress

Pool = Literal["mean", "max", "none"]
Clips = Iterable[tuple[int, Audio]]


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbedReport:
    """What was embedded.

    Attributes:
        files: recordings in the table; `failed` lists path and reason of the others.
        kept: of them, those that an interrupted command had done already.
        vectors: rows of the table.
        latent: numbers of each.
        audio_seconds: of sound.
        seconds, real_time_factor: taken, and per second of the sound that was heard now.
    """

    files: int
    kept: int
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
    asked for: see `smalti.systems.vector_tables.write_table`. Memory grows with the longest recording only.

    What is done lies in `TO.parts` until all is: interrupted at any moment, the same call goes on to the same bytes.

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
        StoreError: if run or target cannot be used, or `TO.parts` is of another encoder, of other recordings or
            settings; names which.
        SpecError: if the run is no encoder.
    """
    begin = time.perf_counter()
    if to.suffix not in (".npz", ".parquet"):
        raise ParameterError(f"{to} ends in {to.suffix or 'nothing'}, wanted .npz or .parquet; name such a file")
    require_one_source(audio, data)
    source = _opened(run, pool, layers)
    manifest, unread = recordings(audio, data)
    of = {**source.of, "pool": pool, "recordings": digest(manifest)}
    under = {"threads": str(torch.get_num_threads()), "torch": str(torch.__version__), "smalti": smalti.__version__}
    with unfinished(to, of, under=under) as parts:
        done = [_part(parts, number, rows, source, manifest, progress) for number, rows in enumerate(spans(manifest))]
        refused = [*unread, *(one for part in done for one in part.failed)]
        tables = [part.table for part in done]
        vectors = write_table(to, manifest, tables) if any(table.vectors for table in tables) else 0
        parts.clear()
    if not vectors:
        raise DataError(reasons(refused))
    spent, rate = time.perf_counter() - begin, source.sample_rate
    heard = sum(part.samples for part in done if not part.kept) / rate
    return EmbedReport(
        files=sum(len(part.table.rows) for part in done),
        kept=sum(len(part.table.rows) for part in done if part.kept),
        failed=tuple(refused),
        vectors=vectors,
        latent=source.latent,
        audio_seconds=sum(part.samples for part in done) / rate,
        seconds=spent,
        real_time_factor=spent / heard if heard else 0.0,
    )


@dataclass(frozen=True, slots=True)
class _Source:
    """What makes numbers of recordings; `of` tells it from others."""

    sample_rate: int
    latent: int
    of: dict[str, str]
    rows: Callable[[Clips], Iterator[tuple[int, Audio, Numbers]]]


@dataclass(frozen=True, slots=True)
class _Part:
    """A part of the table, and what is to be reported of it."""

    table: VectorPart
    failed: list[dict[str, str]]
    samples: int
    kept: bool


def _part(parts: Parts, number: int, rows: range, source: _Source, manifest: Manifest, progress: Progress) -> _Part:
    """A part that is there already, or made now; batches never reach over its ends, so company cannot change it."""

    def make(folder: Path) -> dict[str, object]:
        good, lengths, failed = list[int](), list[int](), list[dict[str, str]]()

        def heard() -> Iterator[tuple[int, Numbers]]:
            some = Manifest(manifest.table.slice(rows.start, len(rows)), manifest.root)
            for row, sound, numbers in source.rows(_sounding(some, source.sample_rate, failed)):
                good.append(rows.start + row)
                lengths.append(sound.samples.shape[1])
                progress(rows.start + row + 1, manifest.rows)
                yield rows.start + row, numbers

        vectors = write_vectors(folder, heard())
        return {"rows": good, "vectors": vectors, "samples": sum(lengths), "failed": failed}

    place, notes, kept = parts.take(number, f"{rows.start}…{rows.stop}", make)
    progress(rows.stop, manifest.rows)
    return _Part(VectorPart(place, tuple(notes["rows"]), notes["vectors"]), notes["failed"], notes["samples"], kept)


def _sounding(manifest: Manifest, sample_rate: int, failed: list[dict[str, str]]) -> Iterator[tuple[int, Audio]]:
    """Recordings with some sample left at this rate: of nothing there is no mean."""
    for row, sound in sounds(manifest, sample_rate, failed):
        if sound.samples.shape[1]:
            yield row, sound
        else:
            path = str(manifest.table["path"][row].as_py())
            reason = f"{path}: has no sample left at {sample_rate} Hz; leave it out"
            failed.append({"path": path, "reason": reason})


def _opened(run: RunName, pool: Pool, layers: Layers) -> _Source:
    named = heard_as(run)
    if not _is_language_model(named.run):
        found = named_encoder(run)
        encoder, chosen = found.encoder, chosen_layers(found.encoder, layers)
        if pool == "none" and len(chosen) > 1:
            raise ParameterError(f"found layers {list(chosen)} with pool none, wanted one; a frame is one vector")
        numbers = ",".join(map(str, chosen)) or "last"
        of = {"encoder": found.fingerprint, "rate": str(named.view) or "its own", "layers": numbers}
        return _Source(encoder.sample_rate, encoder.dim, of, lambda clips: _encoded(encoder, clips, pool, chosen))
    lm, codec = load_latent_lm(named.run)
    if pool != "mean" or layers != "last":
        raise ParameterError(
            f"{named.run} has one latent for each recording, found pool {pool}, layers {layers}; leave them"
        )
    of = {"model": run_fingerprint(find_run(named.run), codec.spec.tokenizer)}
    return _Source(codec.spec.sample_rate, lm.latent, of, lambda clips: _inferred(lm, codec, clips))


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
            yield row, sound, {f"max{name}": frames.amax(0, keepdim=True) for name, frames in named.items()}
        else:
            means = {f"mean{name}": frames.mean(0, keepdim=True) for name, frames in named.items()}
            spread = {f"deviation{name}": frames.std(0, unbiased=False, keepdim=True) for name, frames in named.items()}
            yield row, sound, {**means, **spread}


def _inferred(lm: LatentLM, codec: Codec, clips: Clips) -> Iterator[tuple[int, Audio, Numbers]]:
    for batch in batches(clips):
        belief = lm.infer(codec.encode(Audio.batch(sound for _, sound in batch)))
        for at, (row, sound) in enumerate(batch):
            yield row, sound, {"mean": belief.mean[at : at + 1], "log_variance": belief.log_variance[at : at + 1]}
