"""Abilities. A system offers some of them; everything else works on these and never on a system."""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from jaxtyping import Float, Int64
from torch import Tensor

from smalti.core.audio import Audio
from smalti.core.conditions import Condition, Schema
from smalti.core.tokens import Tokens, TokenSpec


@dataclass(frozen=True, slots=True)
class Embedding:
    """One vector per frame of each item; `lengths` counts true frames."""

    frames: Float[Tensor, "batch frame dim"]
    lengths: Int64[Tensor, " batch"]


@runtime_checkable
class Encoder(Protocol):
    """Hears sound as a sequence of vectors."""

    @property
    def sample_rate(self) -> int: ...
    @property
    def hop(self) -> int: ...
    @property
    def dim(self) -> int: ...
    def embed(self, audio: Audio) -> Embedding: ...


@runtime_checkable
class Tokenizer(Protocol):
    """Hears sound as tokens. An item alone and in a padded batch gives equal tokens."""

    @property
    def spec(self) -> TokenSpec: ...
    def encode(self, audio: Audio) -> Tokens: ...


@runtime_checkable
class Codec(Tokenizer, Protocol):
    """A tokenizer that can be heard again: `decode` returns exactly the samples that went in."""

    def decode(self, tokens: Tokens) -> Audio: ...


@runtime_checkable
class EncoderStream(Protocol):
    """Audio in, codes out, in blocks of any size; all blocks together equal `encode` of the whole."""

    def push(self, block: Float[Tensor, " sample"]) -> Int64[Tensor, "codebook frame"]: ...
    def flush(self) -> Int64[Tensor, "codebook frame"]: ...


@runtime_checkable
class DecoderStream(Protocol):
    """Codes in, audio out, in blocks of any size; `flush` gives what was held back, before cutting to length."""

    def push(self, block: Int64[Tensor, "codebook frame"]) -> Float[Tensor, " sample"]: ...
    def flush(self) -> Float[Tensor, " sample"]: ...


@runtime_checkable
class StreamingCodec(Codec, Protocol):
    """A codec that also works block by block, equal to offline."""

    def encoder_stream(self) -> EncoderStream: ...
    def decoder_stream(self) -> DecoderStream: ...


@runtime_checkable
class Stepper(Protocol):
    """One batch being generated frame by frame, each row with its own history; costs do not grow with time."""

    def step(
        self, rows: Int64[Tensor, "batch codebook"], condition: Condition
    ) -> Float[Tensor, "batch codebook vocab"]:
        """Logits of the next row, given the row just chosen and what is asked of the next (one frame)."""
        ...


@runtime_checkable
class TokenLM(Protocol):
    """Continues tokens of one spec under conditions of one schema."""

    @property
    def spec(self) -> TokenSpec: ...
    @property
    def schema(self) -> Schema: ...
    @property
    def pattern(self) -> str:
        """Name in `smalti.patterns` of how the code streams become rows; `Stepper.step` works on those rows."""
        ...

    def logits(
        self, codes: Int64[Tensor, "batch codebook frame"], condition: Condition
    ) -> Float[Tensor, "batch codebook frame vocab"]:
        """Logits of every code given all that comes before it in the model's own order."""
        ...

    def stepper(self, batch: int) -> Stepper: ...
