"""Recordings as log-mels, from sound or from `.npy` files, whole or in crops: what MATPAC learns from.

Sound is decoded once and kept, up to a limit; of a file only what is asked for is read. Whether a piece was kept
changes no number. Files hold whole windows only: where the last windows of a sound are partly silence, silence stands
for them.
"""

from collections.abc import Sequence
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from smalti.core import DataError
from smalti.data.kept import Kept
from smalti.data.manifest import Manifest
from smalti.data.waveforms import Piece, cut, read_padded, recordings_of
from smalti.data.waveforms import held_out as positions_held_out
from smalti.features import SILENCE, MelSettings, is_log_mel, open_log_mel, power_log_mel, power_mel_frames

_PIECE_SECONDS = 20.0
_LEAST_VARIANCE = 1e-10  # so that silence can be divided by its deviation


class LogMels:
    """Natural logarithms of mel power, not normalised; a frame for every hop begun.

    Attributes:
        training: pieces of at most 20 seconds of the recordings for training; what has no sound is in none.
        held_out: positions of the other recordings.
        trains: of every recording, whether it is for training.
        frames: of every recording; 0 if it has no sound.
    """

    def __init__(
        self,
        source: Manifest | Sequence[Float[Tensor, " _"]],
        *,
        picture: MelSettings,
        memory: int,
        held_out: int = 0,
    ) -> None:
        """Lay recordings out; nothing is read yet.

        Args:
            source: recordings, sound or `.npy` log-mels, with their splits; or waveforms at the picture's rate.
            picture: the front end.
            memory: MiB of log-mels of sound to keep.
            held_out: how many of the waveforms, the last ones, are kept out of training.
        """
        self._picture, self._kept = picture, Kept(memory)
        self._recordings = recordings_of(source, sample_rate=picture.sample_rate, held_out=held_out)
        self._files = _files(source) if isinstance(source, Manifest) else [None] * len(source)
        self.trains = self._recordings.trains
        self.frames = [-(-count // picture.hop) for count in self._recordings.samples]
        self.held_out = positions_held_out(self._recordings)
        self.training = [piece for clip, trains in enumerate(self.trains) if trains for piece in self.pieces(clip)]

    def name(self, clip: int) -> str:
        """Path or position of a recording."""
        return self._recordings.name(clip)

    def pieces(self, clip: int) -> list[Piece]:
        """A recording in pieces of at most 20 seconds."""
        longest = int(_PIECE_SECONDS * self._picture.sample_rate / self._picture.hop)
        return cut(clip, frames=self.frames[clip], longest=longest)

    def crop(
        self, piece: Piece, *, first: int = 0, count: int | None = None, fill: float = SILENCE
    ) -> Float[Tensor, "band frame"]:
        """Frames `first` to `first + count` of a piece, to its end if not told.

        Args:
            piece: of a recording.
            first: frame of the piece, which may be negative.
            count: frames.
            fill: what stands before the piece's beginning and behind its end; silence by default.
        Raises:
            DataError: if the recording cannot be read, or is a file of another picture.
        """
        end = piece.frames if count is None else first + count
        begin, stop = max(first, 0), min(end, piece.frames)
        if begin >= stop:
            return torch.full((self._picture.bands, end - first), fill)
        path = self._files[piece.clip]
        if path is None:
            found = self._kept.get(piece, lambda: self._heard(piece))[:, begin:stop]
        else:
            found = self._given(path, piece, begin, stop)
        return torch.nn.functional.pad(found, (begin - first, end - stop), value=fill)

    def statistics(self, *, multiple: int = 1) -> tuple[float, float]:
        """Mean and standard deviation of all cells of what is for training, each recording read once.

        Args:
            multiple: pieces are counted with silence behind them up to so many frames.
        Raises:
            DataError: if there is nothing for training, or it cannot be read.
        """
        count, total, squares = 0, 0.0, 0.0
        for piece in self.training:
            cells = self.crop(piece, count=-(-piece.frames // multiple) * multiple).double()
            count, total = count + cells.numel(), total + float(cells.sum())
            squares += float(cells.square().sum())
        if not count:
            raise DataError("found no recording to learn from, wanted one whose split is train; check the manifest")
        mean = total / count
        return mean, max(squares / count - mean**2, _LEAST_VARIANCE) ** 0.5

    def _given(self, path: Path, piece: Piece, begin: int, stop: int) -> Float[Tensor, "band frame"]:
        file = open_log_mel(path, self._picture)
        wanted = power_mel_frames(self._recordings.samples[piece.clip], self._picture)
        if abs(file.frames - wanted) > 1:  # seconds as told may round to a window more or less
            raise DataError(f"{path}: holds {file.frames} frames, the manifest says {wanted}; prepare it again")
        first = piece.first + begin
        found = torch.from_numpy(file.read(first=first, count=min(stop - begin, max(file.frames - first, 0))))
        return torch.nn.functional.pad(found, (0, stop - begin - found.shape[1]), value=SILENCE)

    def _heard(self, piece: Piece) -> Float[Tensor, "band frame"]:
        """A whole piece, so that its numbers never depend on which part of it was asked for."""
        hop, n_fft = self._picture.hop, self._picture.n_fft
        count = (piece.frames - 1) * hop + n_fft
        samples = read_padded(self._recordings, piece.clip, piece.first * hop, count)
        return power_log_mel(samples[None], self._picture)[0]


def _files(manifest: Manifest) -> list[Path | None]:
    """Of every row its log-mels; None where it is sound."""
    names = manifest.table["path"].to_pylist()
    return [manifest.root / name if is_log_mel(name) else None for name in names]
