"""What a tokenizer believes of every frame of a recording, beside its tokens; in an index a byte a code and frame.

A byte is the negative logarithm in sixteenths: from 0, certain, to 255, a probability of 10⁻⁷ or less. At 50 frames a
second and 64 codes that is 11.5 MB an hour, a tenth of the sound at 16 kHz.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, UInt8

from smalti.core import ParameterError, Tokens

_STEPS = 16  # of a byte to a natural logarithm
LOGARITHMS = -np.arange(256) / _STEPS  # that the bytes stand for
PROBABILITIES = np.exp(LOGARITHMS)


@dataclass(frozen=True, slots=True)
class SoftTokens:
    """One sound's tokens, of one code stream, and how likely each code was in each frame.

    Attributes:
        tokens: a batch of one.
        log_probabilities: natural logarithms.
        acoustics: what each frame sounds like, see `core.AcousticTokenizer`; None if that is not known.
    """

    tokens: Tokens
    log_probabilities: Float[np.ndarray, "frame vocab"]
    acoustics: Float[np.ndarray, "_ dim"] | None = None

    def __post_init__(self) -> None:
        if self.acoustics is not None and len(self.acoustics) != len(self.log_probabilities):
            found = f"acoustics of {len(self.acoustics)} frames, probabilities of {len(self.log_probabilities)}"
            raise ParameterError(f"found {found}; give both of one sound")
        spec, frames = self.tokens.spec, self.tokens.frames.tolist()
        found, wanted = (spec.codebooks, *self.log_probabilities.shape), (1, *frames, spec.vocab)
        if found != wanted:
            raise ParameterError(
                f"probabilities (codebooks, frames, codes) {found} of tokens of {wanted}; give both of one sound"
            )


def quantised(log_probabilities: Float[np.ndarray, "frame vocab"]) -> UInt8[np.ndarray, "frame vocab"]:
    """Logarithms as bytes, each at most half a step away, but for those below the smallest."""
    return np.clip(np.round(log_probabilities * -_STEPS), 0, 255).astype(np.uint8)
