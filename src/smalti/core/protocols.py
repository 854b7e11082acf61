"""Abilities. A system offers some of them; everything else works on these and never on a system."""

from collections.abc import Sequence
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
class LayeredEncoder(Encoder, Protocol):
    """An encoder of several layers: its frames are those of one of them, the last unless another is asked for."""

    @property
    def layers(self) -> int:
        """How many there are, counted from 1."""
        ...

    def at_layer(self, layer: int) -> Encoder:
        """The same encoder, giving the frames of this layer, 1…layers."""
        ...

    def embed_layers(self, audio: Audio) -> Sequence[Embedding]:
        """The frames of every layer, the first one first, of one and the same hearing."""
        ...


@runtime_checkable
class Tagger(Encoder, Protocol):
    """An encoder that also says which classes it hears."""

    @property
    def labels(self) -> Sequence[str]:
        """Of the classes; their numbers as text where nothing else is known."""
        ...

    def scores(self, audio: Audio) -> Float[Tensor, "batch class"]:
        """How much of each class is heard in each item, 0…1."""
        ...


@runtime_checkable
class Tokenizer(Protocol):
    """Hears sound as tokens. An item alone and in a padded batch gives equal tokens."""

    @property
    def spec(self) -> TokenSpec: ...
    def encode(self, audio: Audio) -> Tokens: ...


@runtime_checkable
class SoftTokenizer(Tokenizer, Protocol):
    """A tokenizer of one codebook that also says how likely it holds every code for each frame."""

    def log_probabilities(self, audio: Audio) -> Embedding:
        """Natural logarithms, one for each of the codes, of each token frame; `encode` gives the likeliest code."""
        ...


@runtime_checkable
class AcousticTokenizer(SoftTokenizer, Protocol):
    """A tokenizer that also says what its frames sound like, whatever it calls them."""

    def beliefs_and_acoustics(self, audio: Audio) -> tuple[Embedding, Embedding]:
        """`SoftTokenizer.log_probabilities`, and what each token frame sounds like, of one hearing.

        The latter are numbers of deviation 1; how far they are apart is how unlike frames sound. None of them (dim 0)
        if it cannot say.
        """
        ...


@runtime_checkable
class StreamingTokenizer(Tokenizer, Protocol):
    """A tokenizer that also works block by block, equal to offline."""

    def encoder_stream(self) -> "EncoderStream": ...


@runtime_checkable
class Codec(Tokenizer, Protocol):
    """A tokenizer that can be heard again: `decode` returns exactly the samples that went in."""

    def decode(self, tokens: Tokens) -> Audio: ...


@runtime_checkable
class CodecViews(Codec, Protocol):
    """A codec at several rates. Each view is a codec with its own spec; this one is a view, too."""

    @property
    def windows(self) -> range:
        """How many frames a token may stand for."""
        ...

    @property
    def most_codebooks(self) -> int:
        """How many codebooks there are; a view may use fewer, the first ones."""
        ...

    def at(self, *, window: int | None = None, codebooks: int | None = None) -> Codec:
        """The view of another rate; what is not given stays as it is."""
        ...

    def fitting(self, spec: TokenSpec, what: str = "these tokens") -> Codec:
        """The view whose tokens have this spec."""
        ...


@runtime_checkable
class QuickCodec(Codec, Protocol):
    """A codec that can be heard sooner than it sounds best."""

    def quick(self) -> Codec:
        """The same codec, equal tokens, that waits for less of what comes before it sounds: at more work, and a little
        rougher."""
        ...


@runtime_checkable
class LatentCodec(Codec, Encoder, Protocol):
    """A codec whose vectors can be moved about and heard: `embed` gives them as they are before they become codes.

    `decode_latents(embed(audio), audio.lengths)` is `decode(encode(audio))`.
    """

    def decode_latents(self, latents: Embedding, lengths: Int64[Tensor, " batch"], *, quantized: bool = True) -> Audio:
        """Sound of vectors, of their nearest codes or, if not `quantized`, of the vectors themselves.

        Args:
            latents: ceil(lengths / hop) vectors of each item.
            lengths: samples of each item.
        """
        ...


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
    """A batch of histories, one per item, read row by row; a step costs the same however long they are."""

    def step(
        self, rows: Int64[Tensor, "batch codebook row"], condition: Condition
    ) -> Float[Tensor, "batch codebook row vocab"]:
        """Hear the next rows (one, or a prompt's many) and guess what follows each of them.

        The first row of a history is all blank (code V): the start. Row by row, all at once or in any pieces gives the
        same logits. `condition` is asked of the guessed rows, the one behind each row that is heard. What is given for
        cells of the guessed row that hold no code in the pattern means nothing.
        """
        ...

    def reset(self, rows: Int64[Tensor, " chosen"]) -> None:
        """Forget the history of these items of the batch; the others go on."""
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
        """Logits of every code given all that comes before it in the model's own order.

        Code V (blank) stands for padding; a condition of one frame holds for all frames.
        """
        ...

    def stepper(self, batch: int) -> Stepper: ...


@dataclass(frozen=True, slots=True)
class Posterior:
    """What is believed of each clip's latent: independent normal numbers, N(mean, exp(log_variance))."""

    mean: Float[Tensor, "batch latent"]
    log_variance: Float[Tensor, "batch latent"]


@runtime_checkable
class LatentLM(TokenLM, Protocol):
    """A language model of clips that each have one latent vector, N(0, 1) before anything is heard.

    It is a `TokenLM` itself, at the middle of the prior (a latent of zeros).
    """

    @property
    def latent(self) -> int:
        """Numbers of a latent."""
        ...

    @property
    def heard(self) -> int:
        """Token frames of a clip that its latent stands for: its first ones; what follows changes nothing."""
        ...

    @property
    def target_kl(self) -> float:
        """Nats of a clip that the latent was left to carry for nothing when the model learnt."""
        ...

    def infer(self, tokens: Tokens) -> Posterior:
        """The latents of clips. An item alone and in a padded batch gives the same."""
        ...

    def prior(self, seeds: Sequence[int]) -> Float[Tensor, "batch latent"]:
        """A latent drawn from N(0, 1) for each seed, whatever the others are."""
        ...

    def at(self, latents: Float[Tensor, "batch latent"]) -> TokenLM:
        """The same model of these clips: a view, one row for each latent (a batch of k times as many repeats them)."""
        ...


@runtime_checkable
class MaskedLM(Protocol):
    """Fills gaps in tokens of one spec, hearing what lies before and behind them, under conditions of one schema."""

    @property
    def spec(self) -> TokenSpec: ...
    @property
    def schema(self) -> Schema: ...
    @property
    def window(self) -> int:
        """Most frames that it hears at once."""
        ...

    def fill(
        self,
        codes: Int64[Tensor, "batch codebook frame"],
        condition: Condition,
        frames: Int64[Tensor, " batch"] | None = None,
    ) -> Float[Tensor, "batch codebook frame vocab"]:
        """Logits of every code given all that is told; code V (blank) stands for what is not.

        A condition of one frame holds for all. Frames behind an item's own `frames` are padding, which no frame hears.
        """
        ...


LanguageModel = TokenLM | MaskedLM
