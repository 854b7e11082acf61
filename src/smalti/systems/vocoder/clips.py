"""What a vocoder learns from: crops of recordings, their pictures drawn on the fly."""

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from smalti.data.sound_pieces import SoundPieces
from smalti.data.waveforms import Piece, Recordings
from smalti.features import MelSettings, log_mel


@dataclass(frozen=True, slots=True)
class Crops:
    """What a step is shown: pictures, and the sound of just their frames."""

    picture: Float[Tensor, "batch band frame"]
    sound: Float[Tensor, "batch sample"]


class WaveformClips:
    """Recordings in pieces, as sound and picture.

    Attributes:
        recordings: the sound.
        training: pieces of the recordings for training.
        held_out: positions of the other recordings.
    """

    def __init__(self, recordings: Recordings, picture: MelSettings, *, normalise: bool, memory: int) -> None:
        """Lay recordings out in pieces at the picture's rate; arguments and errors as of `SoundPieces`."""
        self._picture = picture
        self._pieces = SoundPieces(
            recordings, sample_rate=picture.sample_rate, hop=picture.hop, memory=memory, normalise=normalise
        )
        self.recordings = recordings
        self.training, self.held_out = self._pieces.training, self._pieces.held_out

    def crop(self, piece: Piece, *, start: int, frames: int, gain: float) -> Crops:
        """A crop of one row: frames `start` to `start + frames` of a piece; silence beyond the piece's ends."""
        picture = self._picture
        first, count = start * picture.hop - picture.lead, (frames - 1) * picture.hop + picture.n_fft
        around = gain * self._pieces.crop(piece, first=first, count=count)
        sound = around[picture.lead : picture.lead + frames * picture.hop]
        return Crops(log_mel(around[None], picture, centred=False), sound[None])
