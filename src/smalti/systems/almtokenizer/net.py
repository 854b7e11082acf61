"""All that the codec has learnt, in one module: ends, query nets and codes, at any window and number of codebooks."""

from dataclasses import dataclass
from typing import NamedTuple

from jaxtyping import Float, Int64
from torch import Tensor, nn

from smalti.core import ParameterError
from smalti.quantize import PriorQuantizer, ResidualVectorQuantizer
from smalti.systems.almtokenizer.config import ModelConfig, SpectralEndsConfig
from smalti.systems.almtokenizer.ends import Back, Front
from smalti.systems.almtokenizer.query import QueryDecoder, QueryEncoder
from smalti.systems.almtokenizer.seanet import SeanetBack, SeanetFront
from smalti.systems.almtokenizer.spectral import SpectralBack, SpectralFront


@dataclass(frozen=True, slots=True)
class Guess:
    """What the decoder knows of frames.

    Attributes:
        frames: its guess, in the front's numbers.
        hidden: all it knows.
    """

    frames: Float[Tensor, "batch frame dim"]
    hidden: Float[Tensor, "batch frame width"]


class Rebuilt(NamedTuple):
    """What a training pass gives; a tuple, which engines can cast.

    Attributes:
        wanted: the front's frames.
        guess: the decoder's frames; None if nothing was to be guessed.
        hidden: all it knows of them.
        sound: what the back makes of the guess; None if it was not asked.
        commitment: mean squared distance of queries to their code vectors, in their variance; 0 without codebooks.
        parts: what each codebook chose; None without codebooks.
    """

    wanted: Float[Tensor, "batch frame dim"]
    guess: Float[Tensor, "batch frame dim"] | None
    hidden: Float[Tensor, "batch frame width"] | None
    sound: Float[Tensor, "batch sample"] | None
    commitment: Float[Tensor, ""]
    parts: Float[Tensor, "codebook batch code query"] | None


CENTRES = "quantizer.layers.0.vectors"
"""Where the code vectors of the first codebook are among the weights."""


class QueryNet(nn.Module):
    """Samples to queries, queries to codes, codes to samples.

    Attributes:
        config: of the model.
        front, back: its ends.
        hop: samples of a frame.
    """

    def __init__(self, config: ModelConfig, *, centres: Float[Tensor, "centre feature"] | None = None) -> None:
        """Lay the net out, unlearnt.

        Args:
            config: of the model.
            centres: of the fixed first codebook, if there is one; they become part of the net's weights.
        Raises:
            ParameterError: if the settings do not fit each other, or the centres do not fit them.
        """
        super().__init__()
        low, high = config.windows
        if not 1 <= low <= config.window <= high:
            raise ParameterError(f"window {config.window} is outside {low}…{high}; choose one in that range")
        for net in (config.encoder, config.decoder):
            if net.attention <= high:
                found = f"attention over {net.attention} rows"
                raise ParameterError(f"{found} is less than a group of {high + 1}; choose at least {high + 1}")
        self.config = config
        self.front, self.back = _ends(config)
        self.hop: int = self.front.hop
        dim, codes = self.front.dim, config.codes
        self.encoder = QueryEncoder(config.encoder, dim=dim)
        self.to_codes = nn.Linear(config.encoder.width, codes.dim)
        self.quantizer = ResidualVectorQuantizer(
            dim=codes.dim,
            codebooks=codes.codebooks,
            vocab=codes.vocab,
            decay=codes.decay,
            restarts=codes.restarts,
            first=None if centres is None else PriorQuantizer(centres, dim=codes.dim),
        )
        self.decoder = QueryDecoder(config.decoder, dim=codes.dim)
        self.to_frames = nn.Linear(config.decoder.width, dim)

    def forward(
        self,
        samples: Float[Tensor, "batch sample"],
        window: int,
        *,
        depth: int | None = None,
        quantize: bool = True,
        audible: bool = True,
        restart_below: float = 0.0,
    ) -> Rebuilt:
        """The whole way, for training.

        Args:
            samples: a multiple of window · hop long.
            window: frames of a query.
            depth: the first so many codebooks are used; None is all.
            quantize: False leaves queries as they are.
            audible: whether frames become sound.
            restart_below: as of `smalti.quantize.Quantizer`.
        """
        wanted = self.front.forward(samples)
        latents = self.to_codes(self.encoder(wanted, window)).mT
        vectors, commitment, parts = latents, latents.new_zeros(()), None
        if quantize:
            step: Quantized = self.quantizer(latents, depth=depth, restart_below=restart_below)
            spread = latents.detach().float().var(dim=(0, 2), correction=0).mean()
            vectors, commitment, parts = step.vectors, step.loss / (spread + 1e-8), step.parts
        guess = self.guess(vectors.mT, window)
        sound = self.sound(guess) if audible else None
        return Rebuilt(wanted, guess.frames, guess.hidden, sound, commitment, parts)

    def rebuild(self, samples: Float[Tensor, "batch sample"]) -> Rebuilt:
        """Samples to frames and back, without queries and codes; `samples` is a multiple of the hop long."""
        frames = self.front.forward(samples)
        return Rebuilt(frames, None, None, self.back.forward(frames), frames.new_zeros(()), None)

    def analyse(self, samples: Float[Tensor, "batch sample"], window: int) -> Float[Tensor, "batch query width"]:
        """The encoder's query vectors; `samples` is a multiple of window · hop long."""
        return self.encoder(self.front.forward(samples), window)

    def codes(
        self, queries: Float[Tensor, "batch query width"], *, depth: int | None = None
    ) -> Int64[Tensor, "batch codebook query"]:
        """Codes of the queries by the first `depth` codebooks."""
        return self.quantizer.encode(self.to_codes(queries).mT, depth=depth)

    def vectors(self, codes: Int64[Tensor, "batch codebook query"]) -> Float[Tensor, "batch query dim"]:
        """The sums of the code vectors, of as many codebooks as are given."""
        return self.quantizer.decode(codes).mT

    def guess(self, vectors: Float[Tensor, "batch query dim"], window: int) -> Guess:
        """What the decoder makes of quantised queries."""
        hidden = self.decoder(vectors, window)
        return Guess(self.to_frames(hidden), hidden)

    def inner_matrices(self) -> list[nn.Parameter]:
        """Weights that neither read an input nor give an output: those of transformers' and head's blocks."""
        inner = (".transformer.blocks.", "back.blocks.")
        named = self.named_parameters()
        return [weight for name, weight in named if weight.ndim == 2 and any(part in name for part in inner)]

    def sound(self, guess: Guess, lengths: Int64[Tensor, " batch"] | None = None) -> Float[Tensor, "batch sample"]:
        """Samples of what the decoder knows; `lengths` in frames, as of `Back`."""
        return self.back.forward(guess.frames, guess.hidden, lengths)


def _ends(config: ModelConfig) -> tuple[Front, Back]:
    if isinstance(config.ends, SpectralEndsConfig):
        front = SpectralFront(config.ends, config.sample_rate)
        return front, SpectralBack(config.ends, width=config.decoder.width)
    return SeanetFront(config.ends), SeanetBack(config.ends)
