"""Recordings of a manifest of which some are pictures already: the published features of VAS and VGGSound.

A picture is cut in its middle to whole columns of the published token grid, as the published systems do: of 860
frames, 6 to 854.
"""

from pathlib import Path
from typing import Protocol, runtime_checkable

from jaxtyping import Float
from torch import Tensor

from smalti.core import DataError
from smalti.data.manifest import Manifest
from smalti.data.waveforms import ManifestRecordings
from smalti.features import MEL_PRESETS, MelSettings, is_picture, read_picture

PUBLISHED = "specvqgan"
"""The only picture that files hold: they do not say which they are, so no other may be read from or written to them."""

COLUMN = 16
"""Mel frames of which a given picture keeps a whole multiple."""


@runtime_checkable
class GivesPictures(Protocol):
    """Recordings some of which have a picture in place of sound."""

    def sounds(self, clip: int) -> bool: ...
    def picture(self, clip: int) -> Float[Tensor, "band frame"]: ...


class ManifestPictures:
    """Files of a manifest, sound or `*_mel.npy`; a `Recordings` and, of the latter, a `GivesPictures`."""

    def __init__(self, manifest: Manifest, picture: MelSettings) -> None:
        """Open none of them yet; needs the manifest's `seconds` column."""
        self._files = ManifestRecordings(manifest, picture.sample_rate)
        self._manifest, self._picture = manifest, picture
        self._given = [is_picture(path) for path in manifest.table["path"].to_pylist()]
        self.samples, self.trains = self._files.samples, self._files.trains

    def name(self, clip: int) -> str:
        """Its path."""
        return self._files.name(clip)

    def sounds(self, clip: int) -> bool:
        """Whether it is sound and no picture."""
        return not self._given[clip]

    def read(self, clip: int, first: int, count: int) -> Float[Tensor, " sample"]:
        """A part of the sound."""
        return self._files.read(clip, first, count)

    def picture(self, clip: int) -> Float[Tensor, "band frame"]:
        """The given picture, cut to whole columns.

        Raises:
            DataError: as `read_cut_picture`.
        """
        return read_cut_picture(self._manifest.path(clip), self._picture)


def read_cut_picture(path: Path, picture: MelSettings) -> Float[Tensor, "band frame"]:
    """A published picture, cut in its middle to whole columns.

    Raises:
        DataError: as `smalti.features.read_picture`, or if it is shorter than a column, or wanted as another picture.
    """
    if picture != MEL_PRESETS[PUBLISHED]:
        raise DataError(f"{path}: is a picture of {PUBLISHED}, wanted another mel; choose a codec whose picture it is")
    whole = read_picture(path, picture)
    frames = whole.shape[1] // COLUMN * COLUMN
    if not frames:
        raise DataError(f"{path}: holds {whole.shape[1]} frames, wanted {COLUMN} at least for one token; leave it out")
    first = (whole.shape[1] - frames) // 2
    return whole[:, first : first + frames]


def picture_samples(frames: int, picture: MelSettings) -> int:
    """Samples of the sound that so many frames of a given picture stand for."""
    return frames // COLUMN * COLUMN * picture.hop
