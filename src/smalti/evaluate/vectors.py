"""Vectors of recordings from any encoder: pooled over each recording, and a bounded number of frames of them all.

Beside each stands what its sound's log-mel levels say, which any encoder should beat.
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from smalti.core import Audio, DataError, Embedding, Encoder, LayeredEncoder, ParameterError
from smalti.evaluate.embedding import clip_statistics, frame_levels
from smalti.evaluate.pooling import pooled

_Name = TypeVar("_Name")
_BANDS = 40
_ROWS, _SAMPLES = 16, 2**22  # most recordings, and samples with padding, of one batch
_SPARE = 4  # frames kept of a recording for each that is its share, as others may be short


@dataclass(frozen=True, slots=True, eq=False)
class Level:
    """Vectors that probes and clusters are asked about.

    Attributes:
        recording: which one each vector comes from.
        spaces: the vectors of the "encoder", and what others have in their place: "log_mel" levels and, of recordings,
            "clip_statistics".
    """

    recording: Int64[Tensor, " vector"]
    spaces: dict[str, Tensor]


@dataclass(frozen=True, slots=True, eq=False)
class Vectors:
    """What was heard.

    Attributes:
        names: of the recordings.
        recordings: mean and standard deviation over the frames of each.
        frames: some frames of each.
        seconds: from the recording's start to each frame's.
        audio_seconds: of sound, of all recordings.
    """

    names: tuple[str, ...]
    recordings: Level
    frames: Level
    seconds: Float[Tensor, " vector"]
    audio_seconds: float


def batches(clips: Iterable[tuple[_Name, Audio]]) -> Iterator[list[tuple[_Name, Audio]]]:
    """Recordings in order, several short ones together and a long one alone."""
    batch, longest = list[tuple[_Name, Audio]](), 0
    for name, audio in clips:
        longer = max(longest, audio.samples.shape[1])
        if batch and (len(batch) == _ROWS or longer * (len(batch) + 1) > _SAMPLES):
            yield batch
            batch, longer = [], audio.samples.shape[1]
        batch.append((name, audio))
        longest = longer
    if batch:
        yield batch


def embeddings(
    encoder: Encoder, clips: Iterable[tuple[_Name, Audio]]
) -> Iterator[tuple[_Name, Audio, Float[Tensor, "frame dim"]]]:
    """Every recording, by whatever names it, with the vectors of its frames; in order, few in memory at once."""
    for name, audio, layers in layer_embeddings(encoder, clips):
        yield name, audio, layers[0]


@torch.no_grad()
def layer_embeddings(
    encoder: Encoder, clips: Iterable[tuple[_Name, Audio]], layers: Sequence[int] = ()
) -> Iterator[tuple[_Name, Audio, list[Float[Tensor, "frame dim"]]]]:
    """Every recording with the vectors of its frames in each of these layers, of one hearing; as `embeddings`.

    Args:
        encoder: of several layers, if any are named.
        clips: what names them, and sounds at the encoder's rate.
        layers: counted from 1; none is the encoder as it is.
    Raises:
        ParameterError: if layers are named that it does not have.
    """
    for batch in batches(clips):
        heard = _heard(encoder, Audio.batch(audio for _, audio in batch), layers)
        for row, (name, audio) in enumerate(batch):
            yield name, audio, [one.frames[row, : int(one.lengths[row])].float().cpu() for one in heard]


@torch.no_grad()
def collect(
    encoder: Encoder, clips: Iterable[tuple[str, Audio]], *, recordings: int, most: int, seed: int = 0
) -> Vectors:
    """Hear recordings and keep what probes need.

    Every recording gives as many frames as every other, as far as it has them, drawn by its name and the seed; so all
    classes of recordings have the share that they have among the recordings.

    Args:
        encoder: of the vectors.
        clips: names and sounds at the encoder's rate.
        recordings: how many there will be.
        most: frames kept, of all together.
        seed: of the frames drawn.
    Raises:
        DataError: if there are no clips.
    """
    names, samples = list[str](), 0
    spaces: dict[str, list[Tensor]] = {"encoder": [], "log_mel": [], "clip_statistics": []}
    kept = list[tuple[Tensor, Tensor, Tensor]]()
    share = max(1, -(-_SPARE * most // max(1, recordings)))
    for name, audio, frames in embeddings(encoder, clips):
        names.append(name)
        samples += audio.samples.shape[1]
        levels = frame_levels(audio.samples[0], audio.sample_rate, hop=encoder.hop, bands=_BANDS)
        spaces["encoder"].append(pooled(frames))
        spaces["log_mel"].append(pooled(levels))
        spaces["clip_statistics"].append(clip_statistics([audio.samples[0]], audio.sample_rate, bands=_BANDS)[0])
        some = _drawn(len(frames), share, f"{seed} {name}").sort().values
        kept.append((frames[some], levels[some], some))
    if not names:
        raise DataError("found no recording that can be heard, wanted one at least; name others")
    owner = torch.cat([torch.full((len(some),), row) for row, (_, _, some) in enumerate(kept)])
    chosen = spread_over(owner, most, seed=seed)
    vectors, levels, places = (torch.cat(column)[chosen] for column in zip(*kept, strict=True))
    return Vectors(
        names=tuple(names),
        recordings=Level(torch.arange(len(names)), {name: torch.stack(rows) for name, rows in spaces.items()}),
        frames=Level(owner[chosen], {"encoder": vectors, "log_mel": levels}),
        seconds=places * (encoder.hop / encoder.sample_rate),
        audio_seconds=samples / encoder.sample_rate,
    )


def spread_over(owner: Int64[Tensor, " vector"], most: int, *, seed: int = 0) -> Int64[Tensor, " chosen"]:
    """Positions of at most `most` vectors, ascending: of every owner as many as of the others, if it has them.

    Args:
        owner: of each vector.
        most: vectors in all.
        seed: of the choice among an owner's vectors, and among owners if there are more than `most`.
    """
    generator = torch.Generator().manual_seed(seed)
    shuffled = torch.randperm(len(owner), generator=generator)
    # each vector's turn is its place among its owner's; first turns first, so that all owners are served evenly
    by_owner = shuffled[owner[shuffled].sort(stable=True).indices]
    sorted_owner = owner[by_owner]
    starts = torch.searchsorted(sorted_owner, sorted_owner)
    turn = torch.arange(len(owner)) - starts
    mixed = torch.randperm(len(owner), generator=generator)
    order = mixed[turn[mixed].sort(stable=True).indices]
    return by_owner[order[:most]].sort().values


def _heard(encoder: Encoder, audio: Audio, layers: Sequence[int]) -> Sequence[Embedding]:
    if not layers:
        return [encoder.embed(audio)]
    if not isinstance(encoder, LayeredEncoder):
        raise ParameterError(f"found layers {list(layers)} of an encoder that has one; leave them out")
    if len(layers) == 1:
        return [encoder.at_layer(layers[0]).embed(audio)]
    every = encoder.embed_layers(audio)
    return [every[layer - 1] for layer in layers]


def _drawn(count: int, most: int, name: str) -> Int64[Tensor, " chosen"]:
    number = int.from_bytes(hashlib.sha256(name.encode()).digest()[:7])
    return torch.randperm(count, generator=torch.Generator().manual_seed(number))[:most]
