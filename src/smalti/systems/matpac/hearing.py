"""Recordings of any length as pictures, and pictures in chunks: each is heard as if it were alone.

No padding is invented between recordings. All full chunks of all of them go through the net together, then those ends
that are equally long.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from smalti.features import power_log_mel
from smalti.systems.matpac.net import EncoderNet

_ROWS = 2048
"""Patches of one pass; more make a CPU no faster."""


def picture_of(net: EncoderNet, samples: Float[Tensor, " sample"]) -> Float[Tensor, "band frame"]:
    """The normalised log-mel of a recording, whole patches of it.

    # Differs: silence follows the sound until the last hop begun is whole, where the published code leaves the samples
    # behind the last whole window out and fills the last patch with zeros, the loudness of an average sound.
    # `tail = "zeros"` is the published way.
    """
    config, settings = net.config, net.config.picture.settings()
    frames = config.encoder.patch[1]
    if config.tail == "zeros":
        picture = net.normalise(power_log_mel(samples[None], settings))[0]
        return functional.pad(picture, (0, -picture.shape[1] % frames))
    whole = -(-len(samples) // config.hop) * frames
    wanted = (whole - 1) * settings.hop + settings.n_fft
    return net.normalise(power_log_mel(functional.pad(samples[None], (0, wanted - len(samples))), settings))[0]


def in_chunks(
    net: EncoderNet,
    pictures: Sequence[Float[Tensor, "band _"]],
    hear: Callable[[Tensor], Sequence[Tensor]],
) -> list[list[Float[Tensor, "_ dim"]]]:
    """What `hear` makes of every picture, chunk by chunk, put together again in order.

    Args:
        net: whose chunks and patches they are.
        pictures: whole patches of frames, one at least.
        hear: chunks of one length, [batch band frame], to one or more sequences of time steps, [batch step dim].
    Returns:
        For each of the sequences that `hear` gives, one for each picture.
    """
    chunk, patch = net.config.encoder.chunk, net.config.encoder.patch[1]
    heard: dict[tuple[int, int], Sequence[Tensor]] = {}
    for places, batch in _batches(pictures, chunk, _ROWS // net.config.rows * patch):
        sequences = hear(batch)
        heard |= {place: [sequence[row] for sequence in sequences] for row, place in enumerate(places)}
    together = [
        [*zip(*(heard[item, begin] for begin in range(0, picture.shape[1], chunk)), strict=True)]
        for item, picture in enumerate(pictures)
    ]
    return [[torch.cat(parts) for parts in sequence] for sequence in zip(*together, strict=True)]


def _batches(
    pictures: Sequence[Tensor], chunk: int, most: int
) -> Iterator[tuple[list[tuple[int, int]], Float[Tensor, "batch band frame"]]]:
    """Chunks of one length with their picture and first frame, at most so many frames at once."""
    places: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for item, picture in enumerate(pictures):
        for begin in range(0, picture.shape[1], chunk):
            places[min(chunk, picture.shape[1] - begin)].append((item, begin))
    for frames, found in sorted(places.items(), reverse=True):
        size = max(1, most // frames)
        for first in range(0, len(found), size):
            some = found[first : first + size]
            yield some, torch.stack([pictures[item][:, begin : begin + frames] for item, begin in some])
