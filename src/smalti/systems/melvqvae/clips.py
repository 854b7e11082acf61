"""What the codec learns from: recordings in pieces, as pictures with their neighbourhood.

A piece's picture reaches over its ends far enough for any crop. Pictures are kept in memory up to a limit and
drawn again beyond it; half precision either way, so that the limit changes nothing.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from smalti.data.given_pictures import GivesPictures
from smalti.data.kept import Kept
from smalti.data.waveforms import Piece, Recordings, held_out, pieces, read_padded
from smalti.features import MelSettings, log_mel

_PIECE_SECONDS = 20.0
_SHOWN_SECONDS = 10.0


class PictureClips:
    """Pictures to learn from.

    Attributes:
        training: pieces of the recordings for training.
        held_out: positions of the other recordings.
    """

    def __init__(self, recordings: Recordings, picture: MelSettings, *, margin: int, memory: int) -> None:
        """Lay recordings out in pieces; nothing is read yet.

        Args:
            recordings: the sound, at the picture's rate.
            picture: how it is drawn.
            margin: frames that a crop may reach over a piece's ends.
            memory: MiB of pictures to keep.
        Raises:
            DataError: if there is nothing to learn from.
        """
        self.recordings, self._picture, self._margin = recordings, picture, margin
        self._kept = Kept(memory)
        longest = int(_PIECE_SECONDS * picture.sample_rate / picture.hop)
        self.training = pieces(recordings, hop=picture.hop, longest=longest)
        self.held_out = held_out(recordings)

    def frames_of(self, piece: Piece) -> int:
        """Mel frames of the piece's whole recording."""
        return -(-self.recordings.samples[piece.clip] // self._picture.hop)

    def sounds(self, clip: int) -> bool:
        """Whether a recording is sound, and no picture given in its place."""
        return not isinstance(self.recordings, GivesPictures) or self.recordings.sounds(clip)

    def whole(self, clip: int) -> Float[Tensor, "band frame"]:
        """The picture of a whole recording, a frame for each started hop."""
        return self._frames(clip, 0, -(-self.recordings.samples[clip] // self._picture.hop))

    def shown(self, clip: int) -> Float[Tensor, "band frame"]:
        """The first seconds of that, to be looked at."""
        return self.whole(clip)[:, : int(_SHOWN_SECONDS * self._picture.sample_rate / self._picture.hop)]

    def crop(self, piece: Piece, *, start: int, frames: int) -> Float[Tensor, "band frame"]:
        """Some frames of a recording, counted from the piece's first; silence beyond the recording's ends."""
        picture = self._kept.get(piece, lambda: self._drawn(piece))
        crop = torch.zeros(picture.shape[0], frames)
        begin = start + self._margin
        low, high = max(begin, 0), min(begin + frames, picture.shape[1])
        crop[:, low - begin : high - begin] = picture[:, low:high]
        return crop

    def _drawn(self, piece: Piece) -> Float[Tensor, "band frame"]:
        """The piece's picture and `margin` frames at either side."""
        return self._frames(piece.clip, piece.first - self._margin, piece.frames + 2 * self._margin).half()

    def _frames(self, clip: int, first: int, count: int) -> Float[Tensor, "band frame"]:
        """Mel frames of a recording, `first` of which may be negative; silence beyond its ends."""
        if isinstance(self.recordings, GivesPictures) and not self.sounds(clip):
            given = self.recordings.picture(clip)
            frames = torch.zeros(len(given), count)
            low, high = max(first, 0), min(first + count, given.shape[1])
            frames[:, low - first : max(high - first, low - first)] = given[:, low : max(high, low)]
            return frames
        hop, n_fft = self._picture.hop, self._picture.n_fft
        samples = read_padded(self.recordings, clip, first * hop - self._picture.lead, (count - 1) * hop + n_fft)
        return log_mel(samples[None], self._picture, centred=False)[0]
