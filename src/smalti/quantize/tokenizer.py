"""Any encoder becomes a tokenizer: its frames are named by their nearest cluster centre."""

import hashlib

import torch
from jaxtyping import Float
from torch import Tensor

from smalti.core import Audio, Encoder, ParameterError, Tokens, TokenSpec
from smalti.quantize.kmeans import nearest_centre


class KMeansTokenizer:
    """One code per frame of an encoder, Q = 1; what can be heard as vectors can be searched, counted and continued.

    Args:
        encoder: gives one frame per started hop.
        centres: as from `kmeans` over its frames.
        fingerprint: of the encoder's weights; with the centres it names the tokens.
    Raises:
        ParameterError: if the centres are not as wide as the encoder's frames.
    """

    def __init__(self, encoder: Encoder, centres: Float[Tensor, "centre dim"], *, fingerprint: str) -> None:
        if centres.shape[1] != encoder.dim:
            raise ParameterError(
                f"centres are {centres.shape[1]} wide, the encoder's frames {encoder.dim}; cluster its own frames"
            )
        self._encoder = encoder
        self._centres = centres
        digest = hashlib.sha256(fingerprint.encode() + centres.cpu().contiguous().numpy().tobytes())
        self.spec = TokenSpec(
            sample_rate=encoder.sample_rate,
            hop=encoder.hop,
            codebooks=1,
            vocab=len(centres),
            tokenizer=digest.hexdigest(),
        )

    def encode(self, audio: Audio) -> Tokens:
        """The nearest centre of every frame."""
        frames = self._encoder.embed(audio).frames
        codes = nearest_centre(frames.flatten(0, 1), self._centres).reshape(frames.shape[0], 1, frames.shape[1])
        inside = torch.arange(frames.shape[1], device=codes.device) < -(-audio.lengths // self.spec.hop)[:, None]
        return Tokens(torch.where(inside[:, None], codes, 0), self.spec, audio.lengths)
