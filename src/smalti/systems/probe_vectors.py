"""Vectors of recordings for a probe: heard once, and kept if there is a place for them."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from smalti.core import DataError, Encoder, reasons
from smalti.data.waveforms import evenly
from smalti.evaluate.movement import Directions, FrameMoments
from smalti.evaluate.pooling import MOVEMENT, Pool, pooled
from smalti.evaluate.vectors import layer_embeddings
from smalti.store import load_weights, save_weights, sha256
from smalti.systems.sources import files
from smalti.transcode.files import Progress

_OWN = 0  # the encoder as it is, in place of a layer's number
_SHOWN = 256  # most recordings that directions are learnt from


@dataclass(frozen=True, slots=True, eq=False)
class Listener:
    """An encoder, and which of its layers are asked.

    Attributes:
        encoder: that hears.
        fingerprint: of all that decides its frames.
        layers: counted from 1; none is the encoder as it is.
        pool: one vector of a recording's frames.
        learns: positions of the recordings that directions of movement may be learnt from, without their classes.
    """

    encoder: Encoder
    fingerprint: str
    layers: tuple[int, ...]
    pool: Pool
    learns: Sequence[int]


@dataclass(frozen=True, slots=True, eq=False)
class HeardRows:
    """What was heard.

    Attributes:
        rows: positions of the recordings that could be read.
        vectors: of these, by layer; 0 is the encoder as it is.
        failed: path and reason of the others.
        audio_seconds: of sound.
    """

    rows: list[int]
    vectors: dict[int, Float[Tensor, "row feature"]]
    failed: list[dict[str, str]]
    audio_seconds: float


def hear(listener: Listener, paths: Sequence[Path], *, cache: Path | None, progress: Progress) -> HeardRows:
    """The vectors of recordings, from the cache if they lie there.

    Args:
        cache: a folder; a file of it holds what one listener heard of these recordings. None keeps nothing.
        progress: told (recordings heard, in all).
    Raises:
        DataError: if none can be read.
        StoreError: if the cache is damaged.
    """
    kept = None if cache is None else cache / f"{_name(listener, paths)}.safetensors"
    if kept is not None and kept.is_file():
        progress(len(paths), len(paths))
        return _kept(load_weights(kept).tensors)
    found = _heard(listener, paths, progress)
    if kept is not None and not found.failed:
        vectors = {f"layer.{layer}": value.contiguous() for layer, value in found.vectors.items()}
        facts = {"seconds": torch.tensor(found.audio_seconds, dtype=torch.float64)}
        save_weights(kept, {**vectors, **facts}, {"kind": "vectors"})
    return found


def _heard(listener: Listener, paths: Sequence[Path], progress: Progress) -> HeardRows:
    rate, failed, samples = listener.encoder.sample_rate, list[dict[str, str]](), 0
    rows, pooled_layers = list[int](), list[list[Tensor]]()
    names = listener.layers or (_OWN,)
    directions = _directions(listener, paths) if MOVEMENT in listener.pool else [None for _ in names]
    for row, sound, layers in layer_embeddings(listener.encoder, files(paths, rate, failed), listener.layers):
        rows.append(row)
        samples += sound.samples.shape[1]
        pairs = zip(layers, directions, strict=True)
        pooled_layers.append([pooled(frames, listener.pool, along) for frames, along in pairs])
        progress(row + 1, len(paths))
    if not rows:
        raise DataError(reasons(failed))
    columns: Mapping[int, Tensor] = {
        name: torch.stack([own[place] for own in pooled_layers]) for place, name in enumerate(names)
    }
    return HeardRows(rows, dict(columns), failed, samples / rate)


def _directions(listener: Listener, paths: Sequence[Path]) -> list[Directions]:
    """Of each layer, those of some recordings."""
    chosen, failed = [paths[row] for row in evenly(listener.learns, _SHOWN)], list[dict[str, str]]()
    moments = [FrameMoments() for _ in listener.layers or (_OWN,)]
    sounds = files(chosen, listener.encoder.sample_rate, failed)
    for _, _, layers in layer_embeddings(listener.encoder, sounds, listener.layers):
        for own, frames in zip(moments, layers, strict=True):
            own.add(frames)
    if failed and len(failed) == len(chosen):
        raise DataError(reasons(failed))
    return [own.directions() for own in moments]


def _kept(tensors: Mapping[str, Tensor]) -> HeardRows:
    vectors = {int(name.partition(".")[2]): value for name, value in tensors.items() if name.startswith("layer.")}
    count = len(next(iter(vectors.values())))
    return HeardRows(list(range(count)), vectors, [], float(tensors["seconds"]))


def _name(listener: Listener, paths: Sequence[Path]) -> str:
    digest = hashlib.sha256(f"{listener.fingerprint} {listener.layers} {listener.pool}".encode())
    if MOVEMENT in listener.pool:
        digest.update(f" {list(listener.learns)}".encode())
    for path in paths:
        digest.update(sha256(path).encode() if path.is_file() else b"-")
    return digest.hexdigest()
