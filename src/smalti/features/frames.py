"""Log-mel frames as an encoder: what is always there, learnt by nobody, and any learnt encoder should beat."""

import torch

from smalti.core import Audio, Embedding
from smalti.features.mel import MelSettings, hop_by_hop

FRAMES = MelSettings(
    sample_rate=24000,
    n_fft=1024,
    hop=320,
    bands=80,
    low_hz=0.0,
    high_hz=12000.0,
    norm="sum",
    unit="sine",
    ceiling_db=0.0,
    aligned="middle",
)
"""75 frames a second of 80 bands, 0 (-80 dB) to 1 (a full-scale sine)."""


class LogMelEncoder:
    """One picture column per hop begun. An item alone and in a padded batch gives the same."""

    def __init__(self, picture: MelSettings = FRAMES) -> None:
        """Frames of one mel picture."""
        self.picture = picture
        self.sample_rate, self.hop, self.dim = picture.sample_rate, picture.hop, picture.bands

    @torch.no_grad()
    def embed(self, audio: Audio) -> Embedding:
        """The frames of every item; zeros behind its own.

        Raises:
            SpecError: if the audio is at another rate.
        """
        audio.require_rate(self.sample_rate, "this encoder")
        frames = hop_by_hop(audio.zero_padded().samples, self.picture).mT
        lengths = -(-audio.lengths // self.hop)
        inside = torch.arange(frames.shape[1], device=frames.device) < lengths[:, None]
        return Embedding(frames * inside[..., None], lengths)
