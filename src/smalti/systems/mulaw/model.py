"""The µ-law codec: nothing to train, one token a sample; the plainest peer and the simplest example of a codec."""

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from smalti.core import Audio, Tokens, TokenSpec
from smalti.store import fingerprint
from smalti.systems.mulaw.companding import compress, expand
from smalti.systems.mulaw.config import MuLawConfig


class MuLaw:
    """G.711 µ-law as a streaming codec: Q = 1, V = 256, hop 1, 64 kbit/s at 8 kHz."""

    def __init__(self, config: MuLawConfig | None = None) -> None:
        self.config = config or MuLawConfig()

    @property
    def spec(self) -> TokenSpec:
        """What its tokens are."""
        rate = self.config.sample_rate
        name = fingerprint({}, f"mulaw {rate}")
        return TokenSpec(sample_rate=rate, hop=1, codebooks=1, vocab=256, tokenizer=name)

    def encode(self, audio: Audio) -> Tokens:
        """One code a sample.

        Raises:
            SpecError: if the audio is at another rate.
        """
        audio.require_rate(self.config.sample_rate)
        inside = torch.arange(audio.samples.shape[1], device=audio.samples.device) < audio.lengths[:, None]
        codes = torch.where(inside, compress(audio.samples), 0)
        return Tokens(codes[:, None], self.spec, audio.lengths)

    def decode(self, tokens: Tokens) -> Audio:
        """One sample a code.

        Raises:
            SpecError: if the tokens are another codec's.
        """
        self.spec.require(tokens.spec)
        longest = max(tokens.lengths.tolist(), default=0)
        samples = expand(tokens.codes[:, 0, :longest])
        return Audio(samples, self.config.sample_rate, tokens.lengths).zero_padded()

    def encoder_stream(self) -> "MuLawEncoderStream":
        """Audio in, codes out, at once."""
        return MuLawEncoderStream()

    def decoder_stream(self) -> "MuLawDecoderStream":
        """Codes in, audio out, at once."""
        return MuLawDecoderStream()


class MuLawEncoderStream:
    """Compresses every block as it comes; nothing is ever held back."""

    def push(self, block: Float[Tensor, " sample"]) -> Int64[Tensor, "codebook frame"]:
        """The block's codes."""
        return compress(block)[None]

    def flush(self) -> Int64[Tensor, "codebook frame"]:
        """Nothing."""
        return torch.zeros(1, 0, dtype=torch.int64)


class MuLawDecoderStream:
    """Expands every block as it comes; nothing is ever held back."""

    def push(self, block: Int64[Tensor, "codebook frame"]) -> Float[Tensor, " sample"]:
        """The block's samples."""
        return expand(block[0])

    def flush(self) -> Float[Tensor, " sample"]:
        """Nothing."""
        return torch.zeros(0)
