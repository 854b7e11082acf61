"""MATPAC with a classifier behind it: an encoder still, and it says what it hears."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from smalti.core import Audio, Embedding, ParameterError
from smalti.systems.matpac.encoder import MatpacEncoder


class MatpacTagger:
    """Scores of named classes for whole recordings."""

    def __init__(self, encoder: MatpacEncoder) -> None:
        """Tag with this encoder's classifier.

        Raises:
            ParameterError: if it has none.
        """
        if encoder.net.head is None:
            raise ParameterError("found an encoder without a classifier; import one with it")
        self._encoder, self._head = encoder, encoder.net.head
        self.sample_rate, self.hop, self.dim = encoder.sample_rate, encoder.hop, encoder.dim
        self.layers, self.labels = encoder.layers, self._head.head.labels

    @torch.no_grad()
    def scores(self, audio: Audio) -> Float[Tensor, "batch class"]:
        """How much of each class is heard, 0…1; an item without sound is heard as silence.

        Raises:
            SpecError: if the audio is at another rate.
        """
        samples = functional.pad(audio.zero_padded().samples, (0, 1))
        heard = self._encoder.embed(Audio(samples, audio.sample_rate, audio.lengths.clamp(min=1)))
        device = self._encoder.net.statistics.device
        frames = [steps[:length].to(device) for steps, length in zip(heard.frames, heard.lengths.tolist(), strict=True)]
        return torch.stack([self._head(steps) for steps in frames]).to(audio.samples.device)

    def embed(self, audio: Audio) -> Embedding:
        """As the encoder's."""
        return self._encoder.embed(audio)

    def embed_layers(self, audio: Audio) -> Sequence[Embedding]:
        """As the encoder's."""
        return self._encoder.embed_layers(audio)

    def at_layer(self, layer: int) -> MatpacEncoder:
        """The encoder alone, giving the vectors of this layer."""
        return self._encoder.at_layer(layer)
