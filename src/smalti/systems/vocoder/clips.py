"""What a vocoder learns from: crops of recordings, their pictures drawn on the fly."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from smalti.data.waveforms import Piece, Recordings, held_out, pieces, read_padded
from smalti.features import MelSettings, log_mel

_PIECE_SECONDS = 20.0
_PEAK = 0.95
_SILENT = 1e-4


@dataclass(frozen=True, slots=True)
class Crops:
    """What a step is shown: pictures, and the sound of just their frames."""

    picture: Float[Tensor, "batch band frame"]
    sound: Float[Tensor, "batch sample"]


class WaveformClips:
    """Recordings in pieces, kept in memory up to a limit and read again beyond it.

    Attributes:
        training: pieces of the recordings for training.
        held_out: positions of the other recordings.
    """

    def __init__(self, recordings: Recordings, picture: MelSettings, *, normalise: bool, memory: int) -> None:
        """Lay recordings out in pieces; nothing is read yet.

        Args:
            recordings: the sound, at the picture's rate.
            picture: how it is drawn.
            normalise: bring each piece to a peak of 0.95; near silence stays as it is.
            memory: MiB of waveforms to keep.
        Raises:
            DataError: if there is nothing to learn from.
        """
        self.recordings, self._picture, self._normalise = recordings, picture, normalise
        self._room = memory * 2**20
        self._kept: dict[Piece, Tensor] = {}
        longest = int(_PIECE_SECONDS * picture.sample_rate / picture.hop)
        self.training = pieces(recordings, hop=picture.hop, longest=longest)
        self.held_out = held_out(recordings)

    def crop(self, piece: Piece, *, start: int, frames: int, gain: float) -> Crops:
        """A crop of one row: frames `start` to `start + frames` of a piece; silence beyond the piece's ends."""
        picture = self._picture
        first, count = start * picture.hop - picture.lead, (frames - 1) * picture.hop + picture.n_fft
        whole = self._read(piece)
        around = torch.zeros(count)
        low, high = max(first, 0), min(first + count, len(whole))
        if low < high:
            around[low - first : high - first] = gain * whole[low:high]
        sound = around[picture.lead : picture.lead + frames * picture.hop]
        return Crops(log_mel(around[None], picture, centred=False), sound[None])

    def _read(self, piece: Piece) -> Float[Tensor, " sample"]:
        if piece in self._kept:
            return self._kept[piece]
        hop = self._picture.hop
        samples = read_padded(self.recordings, piece.clip, piece.first * hop, piece.frames * hop)
        peak = float(samples.abs().max())
        if self._normalise and peak > _SILENT:
            samples = samples * (_PEAK / peak)
        if samples.nbytes <= self._room:
            self._room -= samples.nbytes
            self._kept[piece] = samples
        return samples
