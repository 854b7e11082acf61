"""Recordings of a manifest as log-mel frames to learn from, and what was true of every frame of them.

Frames are drawn when a step asks for them, from sound that is kept: so a crop may begin between two hops, and the same
recording gives other frames every time.
"""

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from smalti.core import Condition, Schema
from smalti.data.frame_conditions import FrameConditions
from smalti.data.manifest import Manifest
from smalti.data.sound_pieces import SoundPieces
from smalti.data.waveforms import ManifestRecordings, Piece, evenly, read_padded
from smalti.features import MelSettings, log_mel

_MEASURED = 128  # pieces whose levels are looked at
_LEAST_DB = 1.0  # deviation of a band, so that one that is always silent can be divided by it


class MelClips:
    """Clips of a manifest as one kind of picture.

    Attributes:
        picture: what is drawn.
        schema: labels and parameters, of the manifest unless given.
        training: pieces of at most 20 seconds of the clips for training.
        held_out: positions of the other clips that have sound.
        frames: of each clip, one for every hop begun.
    """

    def __init__(self, manifest: Manifest, picture: MelSettings, *, memory: int, schema: Schema | None = None):
        """Lay recordings out; nothing is read yet.

        Args:
            manifest: needs its `seconds` column.
            picture: what is drawn.
            memory: MiB of waveforms to keep.
            schema: what can be told.
        Raises:
            DataError: if there is nothing to learn from.
            ParameterError: if a label or value is outside the schema.
        """
        self.picture, self.schema = picture, schema or manifest.schema()
        self._recordings = ManifestRecordings(manifest, picture.sample_rate)
        self._pieces = SoundPieces(
            self._recordings, sample_rate=picture.sample_rate, hop=picture.hop, memory=memory, normalise=False
        )
        self.training = self._pieces.training
        self.held_out = [clip for clip in self._pieces.held_out if self._recordings.samples[clip] > 0]
        self.frames: Int64[Tensor, " clip"] = -(-torch.tensor(self._recordings.samples) // picture.hop)
        rate = picture.frame_rate
        self._told = FrameConditions([manifest], self.schema, frames=self.frames, frame_rate=rate)

    def path(self, clip: int) -> str:
        """Where a clip came from, as it stands in the manifest."""
        return self._recordings.name(clip)

    def crop(
        self, piece: Piece, *, start: int, frames: int, late: int = 0
    ) -> tuple[Float[Tensor, "band frame"], Condition]:
        """Frames of a piece and what was true of them; NaN behind the piece's end, where the condition holds.

        Args:
            piece: of a clip.
            start: the first frame, counted in the piece.
            frames: how many.
            late: samples by which every frame lies later than its hop.
        """
        picture, there = self.picture, min(frames, piece.frames - start)
        first, count = start * picture.hop + late - picture.lead, (there - 1) * picture.hop + picture.n_fft
        drawn = log_mel(self._pieces.crop(piece, first=first, count=count)[None], picture, centred=False)[0]
        whole = torch.nn.functional.pad(drawn, (0, frames - there), value=float("nan"))
        return whole, self._told.at(piece.clip, start=piece.first + start, frames=frames)

    def beginning(self, clip: int, *, frames: int) -> tuple[Float[Tensor, "band frame"], Condition]:
        """The first frames of a clip, at most so many, and what was true of them."""
        picture, there = self.picture, min(frames, int(self.frames[clip]))
        count = (there - 1) * picture.hop + picture.n_fft
        around = read_padded(self._recordings, clip, -picture.lead, count)
        drawn = log_mel(around[None], picture, centred=False)[0]
        return drawn, self._told.at(clip, start=0, frames=there)

    def levels(self) -> tuple[Float[Tensor, " band"], Float[Tensor, " band"]]:
        """Mean and deviation of every band over some of what is for training, evenly chosen."""
        chosen = [self.training[at] for at in evenly(range(len(self.training)), _MEASURED)]
        drawn = torch.cat([self.crop(piece, start=0, frames=piece.frames)[0] for piece in chosen], dim=1).double()
        deviation = drawn.std(dim=1, correction=0).clamp(min=_LEAST_DB / self.picture.range_db)
        return drawn.mean(dim=1).float(), deviation.float()
