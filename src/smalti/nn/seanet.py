"""SEANet, EnCodec's convolutions: a waveform to frames, and frames to a waveform, causal and with an open past.

Encoder and decoder are chains of layers of `smalti.nn.causal`. Before the beginning is silence.

Source: Défossez et al. 2022 (EnCodec, arXiv:2210.13438), section 3.1; Tagliasacchi et al. 2020 (arXiv:2009.02095).
# Differs: zeros, not a reflection, before the beginning, or a stream could not begin before it has heard on.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from smalti.nn.causal import CausalConv1d, CausalConvTranspose1d, CausalLSTM, CausalResidual, Stepping

Past = tuple[Tensor, ...]
"""What a chain needs of the past: a tensor a layer."""


_BLOCK = 256
"""Frames that a chain works on at a time: what they need stays near the processor."""


class Chain(nn.Module):
    """Layers with an open past, one behind the other."""

    def __init__(self, layers: Iterator[tuple[str, nn.Module]], *, block: int) -> None:
        """One layer behind the other.

        Args:
            layers: by name.
            block: inputs to take at a time where nothing is to be learnt, however many are given.
        """
        super().__init__()
        self.block = block
        for name, layer in layers:
            self.add_module(name, layer)

    def step(
        self, frames: Float[Tensor, "batch dim frame"], past: Sequence[Tensor] | None = None
    ) -> tuple[Float[Tensor, "batch to rate"], Past]:
        """What they make of the next frames, and what the next call needs."""
        if torch.is_grad_enabled() or frames.shape[2] <= self.block:
            return self._step(frames, past)
        made: list[Tensor] = []
        for piece in frames.split(self.block, dim=2):
            rest, past = self._step(piece, past)
            made.append(rest)
        assert isinstance(past, tuple)
        return torch.cat(made, dim=2), past

    def _step(self, frames: Tensor, past: Sequence[Tensor] | None) -> tuple[Tensor, Past]:
        kept: list[Tensor] = []
        for place, layer in enumerate(self.children()):
            assert isinstance(layer, Stepping)
            frames, held = layer.step(frames, None if past is None else past[place])
            kept.append(held)
        return frames, tuple(kept)


@dataclass(frozen=True, slots=True, kw_only=True)
class SeanetSizes:
    """Sizes of an encoder and of the decoder that mirrors it.

    Attributes:
        dim: numbers of a frame.
        filters: channels beside the samples; each stage doubles them.
        ratios: strides of the stages, from samples to frames.
        kernel: of the first and the last layer.
        residual_kernel: of the residual unit of each stage.
        lstm: layers of the LSTM beside the frames; 0 for none.
    """

    dim: int = 128
    filters: int = 32
    ratios: tuple[int, ...] = (2, 4, 5, 8)
    kernel: int = 7
    residual_kernel: int = 3
    lstm: int = 2

    @property
    def hop(self) -> int:
        """Samples of a frame."""
        return math.prod(self.ratios)


class SeanetEncoder(Chain):
    """[batch, 1, k · hop samples] to [batch, dim, k]."""

    def __init__(self, sizes: SeanetSizes) -> None:
        super().__init__(_encoder(sizes), block=_BLOCK * sizes.hop)
        _let_through(self)


class SeanetDecoder(Chain):
    """[batch, dim, k] to [batch, 1, k · hop samples]: the encoder mirrored."""

    def __init__(self, sizes: SeanetSizes) -> None:
        super().__init__(_decoder(sizes), block=_BLOCK)
        _let_through(self)


def _let_through(chain: Chain) -> None:
    """Begin with weights that keep the variance of what they hear, and without biases.

    torch's own divide it by three a layer and add biases of the same size: what comes out of a dozen of them is nearly
    the same whatever went in, and an encoder that tells nothing apart takes long to learn anything.
    """
    for layer in chain.modules():
        if isinstance(layer, nn.Conv1d | nn.ConvTranspose1d):
            # a sample of a transposed convolution hears two inputs of each channel
            heard = 2 * layer.in_channels if isinstance(layer, nn.ConvTranspose1d) else layer.weight[0].numel()
            nn.init.normal_(layer.weight, std=heard**-0.5)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)


def _encoder(sizes: SeanetSizes) -> Iterator[tuple[str, nn.Module]]:
    width = sizes.filters
    yield "first", CausalConv1d(1, width, sizes.kernel)
    for stage, ratio in enumerate(sizes.ratios):
        yield f"residual{stage}", CausalResidual(width, sizes.residual_kernel)
        yield f"down{stage}", CausalConv1d(width, 2 * width, 2 * ratio, stride=ratio, elu=True)
        width *= 2
    if sizes.lstm:
        yield "lstm", CausalLSTM(width, sizes.lstm)
    yield "last", CausalConv1d(width, sizes.dim, sizes.kernel, elu=True)


def _decoder(sizes: SeanetSizes) -> Iterator[tuple[str, nn.Module]]:
    width = sizes.filters * 2 ** len(sizes.ratios)
    yield "first", CausalConv1d(sizes.dim, width, sizes.kernel)
    if sizes.lstm:
        yield "lstm", CausalLSTM(width, sizes.lstm)
    for stage, ratio in reversed([*enumerate(sizes.ratios)]):
        yield f"up{stage}", CausalConvTranspose1d(width, width // 2, stride=ratio, elu=True)
        width //= 2
        yield f"residual{stage}", CausalResidual(width, sizes.residual_kernel)
    yield "last", CausalConv1d(width, 1, sizes.kernel, elu=True)
