"""MATPAC as an encoder: sound of any length in, one vector for every hop begun out."""

import logging
from collections.abc import Sequence

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from smalti.core import Audio, Embedding, ParameterError
from smalti.systems.matpac.hearing import in_chunks, picture_of
from smalti.systems.matpac.net import EncoderNet

_log = logging.getLogger(__name__)


class MatpacEncoder:
    """The vectors of one layer, all patches of a time step side by side. An item alone and in any batch gives the same.

    Attributes:
        net: in evaluation mode; may be on any device.
        layer: whose vectors are given, 1…layers. The last is normalised, the others are as their blocks leave them.
    """

    def __init__(self, net: EncoderNet, *, layer: int | None = None) -> None:
        """Hear with this net.

        Raises:
            ParameterError: if it has no such layer.
        """
        self.net, self.layers = net, net.config.encoder.layers
        self.layer = self.layers if layer is None else layer
        if not 1 <= self.layer <= self.layers:
            raise ParameterError(f"layer {layer} is outside 1…{self.layers} of this encoder; choose one in that range")
        self.sample_rate, self.hop, self.dim = net.config.picture.sample_rate, net.config.hop, net.config.dim

    def at_layer(self, layer: int) -> "MatpacEncoder":
        """The same encoder, giving the vectors of this layer.

        Raises:
            ParameterError: if there is no such layer.
        """
        return MatpacEncoder(self.net, layer=layer)

    def embed(self, audio: Audio) -> Embedding:
        """The vectors of every item; zeros behind its own.

        Raises:
            SpecError: if the audio is at another rate.
        """
        return self._heard(audio, [self.layer])[0]

    def embed_layers(self, audio: Audio) -> Sequence[Embedding]:
        """The vectors of every layer, the first one first, of one hearing.

        Raises:
            SpecError: if the audio is at another rate.
        """
        return self._heard(audio, range(1, self.layers + 1))

    @torch.no_grad()
    def _heard(self, audio: Audio, layers: Sequence[int]) -> list[Embedding]:
        audio.require_rate(self.sample_rate, "this encoder")
        lengths = -(-audio.lengths // self.hop)
        rows = audio.samples.new_zeros(len(audio.lengths), 0, self.dim)
        items = [(place, item.samples[0]) for place, item in enumerate(audio.items()) if item.samples.shape[1]]
        if not items:
            return [Embedding(rows, lengths) for _ in layers]
        self._report([len(samples) for _, samples in items])
        device = self.net.statistics.device
        pictures = [picture_of(self.net, samples.to(device)) for _, samples in items]
        places = torch.tensor([place for place, _ in items])
        return [
            Embedding(_whole(heard, places, lengths), lengths)
            for heard in in_chunks(self.net, pictures, lambda chunks: self._states(chunks, layers))
        ]

    def _states(
        self, chunks: Float[Tensor, "batch band frame"], layers: Sequence[int]
    ) -> list[Float[Tensor, "batch step dim"]]:
        low = self.net.config.precision == "bf16"
        with torch.autocast(chunks.device.type, torch.bfloat16, enabled=low):
            tokens = self.net.tokens(chunks)
            states = self.net.states(tokens, most=max(layers))
        return [self.net.by_time(states[layer - 1]).float() for layer in layers]

    def _report(self, samples: list[int]) -> None:
        window = self.net.config.picture.window
        if short := sum(count < window for count in samples):
            said = "%d of %d recordings are shorter than one window of %d samples; silence follows them"
            _log.warning(said, short, len(samples), window)


def _whole(
    heard: list[Float[Tensor, "_ dim"]], places: Int64[Tensor, " present"], lengths: Int64[Tensor, " batch"]
) -> Float[Tensor, "batch frame dim"]:
    """One row an item. Where the published steps are fewer than the hops begun, the last one stands twice."""
    frames = torch.zeros(len(lengths), int(lengths.max()), heard[0].shape[1], device=lengths.device)
    for place, steps in zip(places.tolist(), heard, strict=True):
        wanted = int(lengths[place])
        frames[place, :wanted] = steps[torch.arange(wanted).clamp(max=len(steps) - 1)].to(frames.device)
    return frames
