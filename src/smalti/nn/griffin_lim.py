"""The vocoder with nothing to learn: pictures to sound in fixed windows, each cross-faded into the next."""

from collections.abc import Iterator

import torch
from jaxtyping import Float
from torch import Tensor

from smalti.audio.knee import within_full_scale
from smalti.features import MelSettings, VocoderStream, from_log_mel, griffin_lim, mel_to_magnitude
from smalti.nn.overlap import CrossFade, Function, Windows

_QUICK_STEPS, _QUICK_WINDOW, _QUICK_OVERLAP = 20, 8, 2  # of inversion; frames


class GriffinLimVocoder:
    """Mel inversion, then Griffin-Lim.

    Attributes:
        picture: whose pictures it makes audible.
    """

    def __init__(
        self,
        picture: MelSettings,
        *,
        inversion_steps: int = 50,
        iterations: int = 32,
        window: int = 128,
        overlap: int = 8,
    ) -> None:
        """Choose how much work to spend.

        Args:
            picture: any.
            inversion_steps: multiplicative steps from mel to magnitudes.
            iterations: of Griffin-Lim.
            window: frames that find their phases together.
            overlap: frames that neighbouring windows share at either side.
        """
        self.picture = picture
        self._steps, self._iterations = inversion_steps, iterations
        self._window, self._overlap = window, overlap

    def stream(self) -> VocoderStream:
        """Frames in, waveform out; equal for blocks of any size, as all windows have fixed places."""
        return _Stream(self._sound, self.picture, window=self._window, overlap=self._overlap)

    def quick(self) -> "GriffinLimVocoder":
        """The same in short windows, whose phases know less of each other."""
        return GriffinLimVocoder(
            self.picture,
            inversion_steps=min(self._steps, _QUICK_STEPS),
            iterations=self._iterations,
            window=min(self._window, _QUICK_WINDOW),
            overlap=min(self._overlap, _QUICK_OVERLAP),
        )

    def _sound(self, frames: Float[Tensor, "band frame"]) -> Float[Tensor, " sample"]:
        mel = from_log_mel(frames[None], self.picture)
        magnitude = mel_to_magnitude(mel, self.picture, steps=self._steps)
        return griffin_lim(magnitude, hop=self.picture.hop, iterations=self._iterations)[0].cpu()


class _Stream:
    def __init__(self, sound: Function, picture: MelSettings, *, window: int, overlap: int) -> None:
        self._hop = picture.hop
        # one frame more at the right: n + 1 centred frames are n hops of sound
        self._windows = Windows(sound, channels=picture.bands, window=window, left=overlap, right=overlap + 1)
        self._fade = CrossFade(2 * overlap * picture.hop)
        # where frames are centred on the middle of their hops, so does the sound begin
        self._before_start = overlap * picture.hop - (picture.n_fft // 2 - picture.lead)
        self._owed = 0

    def push(self, frames: Float[Tensor, "band frame"]) -> Float[Tensor, " sample"]:
        self._owed += frames.shape[1] * self._hop
        return self._give(self._fade.push(piece) for piece in self._windows.push(frames))

    def flush(self) -> Float[Tensor, " sample"]:
        rest = self._give(self._fade.push(piece) for piece in self._windows.flush())
        return torch.cat([rest, within_full_scale(self._fade.flush()[: self._owed].to(rest))])

    def _give(self, pieces: Iterator[Tensor]) -> Tensor:
        """Pieces in a row, without what lies before the first sample or behind the last."""
        sound = torch.cat([torch.zeros(0), *pieces])
        skipped = min(self._before_start, len(sound))
        self._before_start -= skipped
        sound = sound[skipped : skipped + self._owed]
        self._owed -= len(sound)
        return within_full_scale(sound)
