"""Latents of recordings, by the name of a run, in a table."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from torch import Tensor

from smalti.audio import read
from smalti.core import Audio, Codec, DataError, LatentLM, ParameterError, SpecError
from smalti.data.manifest import Manifest
from smalti.store import replace_file
from smalti.systems.registry import TOKENIZER, find_run, load_codec_of, load_lm
from smalti.systems.transcoding import recordings, require_one_source
from smalti.transcode.files import Progress, no_progress

_BATCH = 16  # recordings read and encoded together


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbedReport:
    """What was embedded.

    Attributes:
        files: recordings in the table; `failed` lists path and reason of the others.
        latent: numbers of each.
        audio_seconds: of sound.
        seconds, real_time_factor: taken, and per second of sound.
    """

    files: int
    failed: tuple[dict[str, str], ...]
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
    run: str | Path,
    audio: Sequence[str | Path] = (),
    *,
    data: Path | None = None,
    to: Path,
    progress: Progress = no_progress,
) -> EmbedReport:
    """Save the latent of every recording, complete or not at all; those that cannot be read are listed.

    The columns are `path`, `label` (if there are any), `mean` and `log_variance`, one row a recording.

    Args:
        run: a language model's run whose clips have latents.
        audio: recordings.
        data: a manifest of recordings, in place of `audio`.
        to: a .npz or .parquet file.
        progress: told (recordings done, in all).
    Raises:
        ParameterError: for another suffix, or both or neither of `audio` and `data`.
        DataError: if none can be read.
        StoreError, SpecError: if run or target cannot be used.
    """
    begin = time.perf_counter()
    if to.suffix not in (".npz", ".parquet"):
        raise ParameterError(f"{to} ends in {to.suffix or 'nothing'}, wanted .npz or .parquet; name such a file")
    require_one_source(audio, data)
    lm, codec = load_latent_lm(run)
    manifest, failed = recordings(audio, data)
    refused: list[dict[str, str]] = [*failed]
    rows, parts, samples = list[int](), list[tuple[Tensor, Tensor]](), 0
    for first in range(0, manifest.rows, _BATCH):
        good = list(_readable(manifest, range(first, min(first + _BATCH, manifest.rows)), codec, refused))
        if good:
            tokens = codec.encode(Audio.batch([sound for _, sound in good]))
            belief = lm.infer(tokens)
            rows.extend(row for row, _ in good)
            parts.append((belief.mean, belief.log_variance))
            samples += int(tokens.lengths.sum())
        progress(min(first + _BATCH, manifest.rows), manifest.rows)
    if not rows:
        raise DataError("; ".join(one["reason"] for one in refused[:3]))
    _write(to, manifest.select(rows), *(torch.cat(column).numpy() for column in zip(*parts, strict=True)))
    spent, seconds = time.perf_counter() - begin, samples / codec.spec.sample_rate
    return EmbedReport(
        files=len(rows),
        failed=tuple(refused),
        latent=lm.latent,
        audio_seconds=seconds,
        seconds=spent,
        real_time_factor=spent / seconds,
    )


def _readable(
    manifest: Manifest, rows: Sequence[int], codec: Codec, refused: list[dict[str, str]]
) -> Iterator[tuple[int, Audio]]:
    for row in rows:
        try:
            yield row, read(manifest.path(row), sample_rate=codec.spec.sample_rate)
        except DataError as error:
            refused.append({"path": str(manifest.table["path"][row].as_py()), "reason": str(error)})


def _write(to: Path, manifest: Manifest, mean: np.ndarray, log_variance: np.ndarray) -> None:
    paths, labels = manifest.table["path"].to_pylist(), manifest.labels()
    texts = {"path": paths, **({"label": labels} if any(labels) else {})}
    numbers = {"mean": mean, "log_variance": log_variance}
    with replace_file(to) as temp:
        if to.suffix == ".npz":
            named = {name: np.array([text or "" for text in column]) for name, column in texts.items()}
            np.savez(temp, allow_pickle=False, **named, **numbers)
        else:
            lists = {name: pa.array(list(rows), pa.list_(pa.float32())) for name, rows in numbers.items()}
            pq.write_table(pa.table({**texts, **lists}), temp)
