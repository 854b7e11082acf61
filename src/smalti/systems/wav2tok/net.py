"""From frames to tokens: convolutions, layers that hear the clip, unit vectors, and the code vectors they are near."""

from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor, nn
from torch.nn import functional

from smalti.nn.both_ways import BothWays
from smalti.nn.causal import CausalConv1d
from smalti.nn.transformer import Transformer, TransformerSettings
from smalti.systems.wav2tok.config import CodebookConfig, ModelConfig, NetConfig

_KERNEL = 5


@dataclass(frozen=True, slots=True)
class Heard:
    """What a net makes of a batch.

    Attributes:
        vectors: of length one, one for each token frame.
        log_probabilities: natural logarithms of every token's chance.
        frames: token frames of each item; the rest is padding.
    """

    vectors: Float[Tensor, "batch frame dim"]
    log_probabilities: Float[Tensor, "batch frame vocab"]
    frames: Int64[Tensor, " batch"]

    @property
    def inside(self) -> Bool[Tensor, "batch frame"]:
        """Which frames are no padding."""
        return torch.arange(self.vectors.shape[1], device=self.frames.device) < self.frames[:, None]

    @property
    def codes(self) -> Int64[Tensor, "batch frame"]:
        """The likeliest token of every frame."""
        return self.log_probabilities.argmax(dim=2)


class Codebook(nn.Module):
    """Directions that frames are named by, learnt by gradient or set from outside (`place`)."""

    def __init__(self, config: CodebookConfig) -> None:
        super().__init__()
        vectors = functional.normalize(torch.randn(config.tokens, config.dim), dim=1)
        self.temperature = config.temperature
        if config.kind == "learnt":
            self.vectors = nn.Parameter(vectors)
        else:
            self.register_buffer("vectors", vectors)

    @property
    def directions(self) -> Float[Tensor, "vocab dim"]:
        """The code vectors, of length one."""
        return functional.normalize(self.vectors, dim=1)

    @torch.no_grad()
    def place(self, vectors: Float[Tensor, "vocab dim"]) -> None:
        """Set the code vectors."""
        self.vectors.copy_(functional.normalize(vectors, dim=1))

    def forward(self, vectors: Float[Tensor, "batch frame dim"]) -> Float[Tensor, "batch frame vocab"]:
        """ln softmax of cosine / temperature."""
        return (vectors.float() @ self.directions.T / self.temperature).log_softmax(dim=2)


class StringNet(nn.Module):
    """Frames in, unit vectors and chances of tokens out; one of them for every `stride` frames begun."""

    def __init__(self, config: ModelConfig, bins: int) -> None:
        """Nothing is learnt yet.

        Args:
            config: sizes.
            bins: numbers of a frame.
        """
        super().__init__()
        net = config.net
        self.stride, self.causal = net.stride, net.causal
        conv = CausalConv1d if net.causal else _Centred
        self.first = conv(bins, net.width, _KERNEL)
        self.second = conv(net.width, net.width, _KERNEL, stride=net.stride)
        self.norm, self.drop = nn.LayerNorm(net.width), nn.Dropout(net.dropout)
        self.layers, width = _layers(net)
        self.project = nn.Linear(width, config.codebook.dim)
        self.codebook = Codebook(config.codebook)

    def forward(self, frames: Float[Tensor, "batch frame bin"], lengths: Int64[Tensor, " batch"]) -> Heard:
        """All of some clips.

        Args:
            frames: normalised.
            lengths: frames of each; the rest is padding and changes nothing.
        """
        if self.causal:
            return self.step(frames, lengths)[0]
        rows = functional.gelu(self.first(_cleared(frames, lengths).mT)).mT
        rows = functional.gelu(self.second(_cleared(rows, lengths).mT)).mT
        tokens = -(-lengths // self.stride)
        rows = self.drop(_cleared(self.norm(rows), tokens))
        return self._named(self._listen(rows, tokens), tokens)

    def step(
        self,
        frames: Float[Tensor, "batch frame bin"],
        lengths: Int64[Tensor, " batch"],
        past: tuple[Any, Any, Any] = (None, None, None),
    ) -> tuple[Heard, tuple[Any, Any, Any]]:
        """The next frames of a causal net, and what the step after this one needs.

        Args:
            frames: normalised; a last odd one is heard with silence behind it.
            lengths: frames of each; what follows an item changes nothing of it.
            past: what the step before gave.
        """
        frames = functional.pad(frames, (0, 0, 0, -frames.shape[1] % self.stride))
        assert isinstance(self.first, CausalConv1d) and isinstance(self.second, CausalConv1d)
        rows, first = self.first.step(frames.mT, past[0])
        rows, second = self.second.step(functional.gelu(rows), past[1])
        rows = self.drop(self.norm(functional.gelu(rows).mT))
        rows, state = self.layers(rows, past[2])
        return self._named(rows, -(-lengths // self.stride)), (first, second, state)

    def _listen(self, rows: Tensor, tokens: Tensor) -> Tensor:
        if isinstance(self.layers, BothWays):
            return self.layers(rows, tokens)
        present = torch.arange(rows.shape[1], device=rows.device) < tokens[:, None].clamp(min=1)
        return self.layers(rows, present=present)

    def _named(self, rows: Tensor, tokens: Tensor) -> Heard:
        vectors = functional.normalize(self.project(self.drop(rows)).float(), dim=2)
        return Heard(vectors, self.codebook(vectors), tokens)


class _Centred(nn.Conv1d):
    """Silence lies beyond both ends."""

    def __init__(self, channels: int, to: int, kernel: int, *, stride: int = 1) -> None:
        super().__init__(channels, to, kernel, stride=stride, padding=kernel // 2)


def _layers(net: NetConfig) -> tuple[nn.Module, int]:
    """What hears the whole clip, and how wide its output is."""
    if net.kind == "transformer":
        sizes = TransformerSettings(width=net.width, layers=net.layers, heads=net.heads, window=1, dropout=net.dropout)
        return Transformer(sizes), net.width
    if not net.causal:
        return BothWays(net.kind, net.width, layers=net.layers, dropout=net.dropout), 2 * net.width
    make = nn.GRU if net.kind == "gru" else nn.LSTM
    drop = net.dropout if net.layers > 1 else 0.0
    return make(net.width, net.width, num_layers=net.layers, batch_first=True, dropout=drop), net.width


def _cleared(rows: Tensor, lengths: Tensor) -> Tensor:
    inside = torch.arange(rows.shape[1], device=rows.device) < lengths[:, None]
    return torch.where(inside[..., None], rows, 0)
