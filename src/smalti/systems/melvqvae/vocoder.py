"""Pictures to sound in fixed windows, each joined to the next by a cross-fade at a fixed place."""

from collections.abc import Iterator

import torch
from jaxtyping import Float
from torch import Tensor

from smalti.features import MelSettings, from_log_mel, griffin_lim, mel_to_magnitude
from smalti.nn.overlap import CrossFade, Windows
from smalti.systems.melvqvae.config import VocoderConfig


class VocoderStream:
    """Mel frames in, waveform out; equal for blocks of any size, as all windows have fixed places."""

    def __init__(self, config: VocoderConfig, picture: MelSettings) -> None:
        self._config, self._picture = config, picture
        overlap = config.overlap
        # one frame more at the right: n + 1 centred frames are n hops of sound
        self._windows = Windows(
            self._sound, channels=picture.bands, window=config.window, left=overlap, right=overlap + 1
        )
        self._fade = CrossFade(2 * overlap * picture.hop)
        self._before_start = overlap * picture.hop
        self._owed = 0

    def push(self, frames: Float[Tensor, "band frame"]) -> Float[Tensor, " sample"]:
        """What can be heard of log-mel frames (0…1) so far."""
        self._owed += frames.shape[1] * self._picture.hop
        return self._give(self._fade.push(piece) for piece in self._windows.push(frames))

    def flush(self) -> Float[Tensor, " sample"]:
        """The rest, up to the end of the last frame's hop."""
        rest = self._give(self._fade.push(piece) for piece in self._windows.flush())
        return torch.cat([rest, self._fade.flush()[: self._owed].to(rest)])

    def _give(self, pieces: Iterator[Tensor]) -> Tensor:
        """Pieces in a row, without what lies before the first sample or behind the last."""
        sound = torch.cat([torch.zeros(0), *pieces])
        skipped = min(self._before_start, len(sound))
        self._before_start -= skipped
        sound = sound[skipped : skipped + self._owed]
        self._owed -= len(sound)
        return sound

    def _sound(self, frames: Float[Tensor, "band frame"]) -> Float[Tensor, " sample"]:
        mel = from_log_mel(frames[None], self._picture)
        magnitude = mel_to_magnitude(mel, self._picture, steps=self._config.inversion_steps)
        return griffin_lim(magnitude, hop=self._picture.hop, iterations=self._config.iterations)[0].cpu()
