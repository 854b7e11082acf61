"""The net without any padding, in chunks, as `.dac` files of long sounds are written.

Without padding a chunk of the sound gives fewer frames than it has hops, and frames give fewer samples than hops. So
chunks of the sound overlap, what they decode to does not, and a frame's number does not tell its time. At 44.1 kHz a
chunk of one second takes 44544 samples and gives 72 frames, and these give 28522 samples:

    sound      [ delay |            given            | delay ]
    next chunk                       [ delay |            given            | delay ]

Source: descript-audio-codec 1.0.0, `compress` and `decompress`.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn
from torch.nn import functional

from smalti.core import ParameterError
from smalti.systems.dac.net import DACNet, Decoder, Encoder, ResidualUnit

_PIECE = 512  # frames that are decoded at once; a chunk of five seconds has 416
Steps = Float[Tensor, "batch dim step"]


@dataclass(frozen=True, slots=True)
class Chunk:
    """The sizes of a chunk.

    Attributes:
        taken: samples that it is encoded from.
        frames: that these give.
        given: samples that the frames decode to, the middle of those taken.
        delay: samples before them, and behind, that only help.
    """

    taken: int
    frames: int
    given: int
    delay: int

    @classmethod
    def of_seconds(cls, net: DACNet, seconds: float) -> "Chunk":
        """The chunk that is encoded from so long a piece, rounded up to whole hops.

        Raises:
            ParameterError: if that gives no sound.
        """
        hop = net.config.hop
        taken = math.ceil(int(seconds * net.config.sample_rate) / hop) * hop
        return cls.of_frames(net, _lengths(net.encoder, taken)[-1], taken)

    @classmethod
    def of_frames(cls, net: DACNet, frames: int, taken: int | None = None) -> "Chunk":
        """The chunk of so many frames.

        Args:
            taken: samples that they come from; None: the fewest.
        Raises:
            ParameterError: if they give no sound.
        """
        lengths = _lengths(net.decoder, frames)
        if min(lengths) < 1:
            raise ParameterError(f"a chunk of {frames} frames gives no sound without padding; take longer chunks")
        least = _needed(net.encoder, frames)
        return cls(least if taken is None else taken, frames, lengths[-1], (least - lengths[-1]) // 2)


def encode_chunks(
    net: DACNet, samples: Float[Tensor, " sample"], *, seconds: float, codebooks: int
) -> Int64[Tensor, "chunk codebook frame"]:
    """Codes of a sound, chunk by chunk; silence is added at its ends.

    Args:
        seconds: that a chunk is encoded from.
    Raises:
        ParameterError: if such chunks give no sound.
    """
    chunk = Chunk.of_seconds(net, seconds)
    begins = range(0, len(samples), chunk.given)
    behind = max(chunk.delay, begins[-1] + chunk.taken - chunk.delay - len(samples)) if begins else 0
    padded = functional.pad(samples, (chunk.delay, behind)).to(net.encoder.stem.weight)
    codes = [
        net.quantizer.encode(
            _unpadded(_layers(net.encoder), padded[None, None, begin : begin + chunk.taken]), depth=codebooks
        )
        for begin in begins
    ]
    return torch.cat([torch.zeros(0, codebooks, chunk.frames, dtype=torch.int64), *(one.cpu() for one in codes)])


def decode_chunks(net: DACNet, codes: Int64[Tensor, "chunk codebook frame"]) -> Float[Tensor, " sample"]:
    """The sound of chunks, one after the other.

    Raises:
        ParameterError: if chunks of so few frames give no sound.
    """
    chunk = Chunk.of_frames(net, codes.shape[2])
    lost = -(-(chunk.frames * net.config.hop - chunk.given) // net.config.hop)
    sounds = [sound for one in codes for sound in _pieces(net, one, lost=lost)]
    return torch.cat([torch.zeros(0), *sounds])


def _pieces(net: DACNet, codes: Int64[Tensor, "codebook frame"], *, lost: int) -> Iterable[Float[Tensor, " _"]]:
    """The sound of a chunk, of a long one piece by piece: memory stays that of a piece.

    The ends of what is given are heard from fewer frames than the rest, for an unpadded layer that strides up adds
    them. So pieces reach over each other by a margin.
    """
    frames, hop, margin = codes.shape[1], net.config.hop, len(net.config.strides)
    bounds = [*range(0, max(1, frames - lost - margin), _PIECE), frames]
    for begin, end in pairwise(bounds):
        first = max(0, begin - margin)
        piece = codes[None, :, first : end + lost + margin].to(net.decoder.stem.weight.device)
        sound = _unpadded(_layers(net.decoder), net.quantizer.decode(piece))[0, 0].cpu()[(begin - first) * hop :]
        yield sound if end == frames else sound[: (end - begin) * hop]


def _layers(part: Encoder | Decoder) -> tuple[nn.Module, nn.Module, nn.Module]:
    return part.stem, part.blocks, part.last


def _unpadded(layers: Iterable[nn.Module], steps: Steps) -> Tensor:
    """Through layers in a row, none of which sees anything but its input."""
    for layer in layers:
        steps = _step(layer, steps)
    return steps


def _step(layer: nn.Module, steps: Steps) -> Tensor:
    if isinstance(layer, nn.Sequential):
        return _unpadded(layer, steps)
    if isinstance(layer, ResidualUnit):
        changed = _unpadded(layer.layers, steps)
        cut = (steps.shape[2] - changed.shape[2]) // 2
        return steps[:, :, cut : cut + changed.shape[2]] + changed
    if isinstance(layer, nn.Conv1d):
        return functional.conv1d(steps, layer.weight, layer.bias, layer.stride, 0, layer.dilation)
    if isinstance(layer, nn.ConvTranspose1d):
        return functional.conv_transpose1d(steps, layer.weight, layer.bias, layer.stride)
    return layer(steps)


def _convolutions(part: nn.Module) -> list[nn.Conv1d | nn.ConvTranspose1d]:
    return [layer for layer in part.modules() if isinstance(layer, nn.Conv1d | nn.ConvTranspose1d)]


def _lengths(part: nn.Module, steps: int) -> list[int]:
    """Steps that each convolution gives, the last one last."""
    lengths: list[int] = []
    for layer in _convolutions(part):
        reach, stride = layer.dilation[0] * (layer.kernel_size[0] - 1), layer.stride[0]
        up = isinstance(layer, nn.ConvTranspose1d)
        steps = (steps - 1) * stride + reach + 1 if up else (steps - reach - 1) // stride + 1
        lengths.append(steps)
    return lengths


def _needed(encoder: Encoder, frames: int) -> int:
    """The fewest samples that give so many frames."""
    for layer in reversed(_convolutions(encoder)):
        frames = (frames - 1) * layer.stride[0] + layer.dilation[0] * (layer.kernel_size[0] - 1) + 1
    return frames
