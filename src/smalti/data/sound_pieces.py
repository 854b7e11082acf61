"""Recordings in pieces, kept in memory up to a limit and read again beyond it: where crops of sound come from."""

from collections.abc import Iterable

import torch
from jaxtyping import Float
from torch import Tensor

from smalti.core import Audio
from smalti.data.kept import Kept
from smalti.data.waveforms import Piece, Recordings, beginnings, held_out, pieces, read_padded

_PIECE_SECONDS = 20.0
_PEAK = 0.95
_SILENT = 1e-4


class SoundPieces:
    """What is for training, cut in pieces of at most 20 seconds.

    Attributes:
        recordings: the sound.
        training: pieces of the recordings for training.
        held_out: positions of the other recordings.
    """

    def __init__(
        self, recordings: Recordings, *, sample_rate: int, hop: int, memory: int, normalise: bool = False
    ) -> None:
        """Lay recordings out in pieces; nothing is read yet.

        Args:
            recordings: the sound.
            sample_rate: Hz, of it.
            hop: samples of a frame, of which pieces hold whole numbers.
            memory: MiB of waveforms to keep.
            normalise: bring each piece to a peak of 0.95; near silence stays as it is.
        Raises:
            DataError: if there is nothing to learn from.
        """
        self.recordings, self._hop, self._normalise = recordings, hop, normalise
        self._sample_rate = sample_rate
        self._kept = Kept(memory)
        self.training = pieces(recordings, hop=hop, longest=int(_PIECE_SECONDS * sample_rate / hop))
        self.held_out = held_out(recordings)

    def names(self, chosen: Iterable[Piece]) -> list[str]:
        """What the recordings of these pieces are called."""
        return [self.recordings.name(piece.clip) for piece in chosen]

    def beginnings(self, most: int) -> list[Audio]:
        """The first seconds of at most so many of the recordings kept out of training; see `waveforms.beginnings`."""
        return beginnings(self.recordings, self.held_out, sample_rate=self._sample_rate, most=most)

    def samples_of(self, piece: Piece) -> int:
        """Samples of the piece that are its recording's, the last frame not being whole."""
        first = piece.first * self._hop
        return min(piece.frames * self._hop, self.recordings.samples[piece.clip] - first)

    def crop(self, piece: Piece, *, first: int, count: int) -> Float[Tensor, " sample"]:
        """Samples `first` to `first + count` of a piece; silence beyond the piece's ends."""
        whole = self._kept.get(piece, lambda: self._read(piece))
        around = torch.zeros(count)
        low, high = max(first, 0), min(first + count, len(whole))
        if low < high:
            around[low - first : high - first] = whole[low:high]
        return around

    def _read(self, piece: Piece) -> Float[Tensor, " sample"]:
        samples = read_padded(self.recordings, piece.clip, piece.first * self._hop, piece.frames * self._hop)
        peak = float(samples.abs().max())
        if self._normalise and peak > _SILENT:
            samples = samples * (_PEAK / peak)
        return samples
