"""Log-mels in files as MATPAC reads them: `NAME.npy`, 80 bands × frames of natural logarithms, not normalised.

Such a file does not say which picture it holds, so only `MATPAC_PICTURE` may be written to one or read from it.
"""

from pathlib import Path

from smalti.core import DataError
from smalti.features.array_files import ArrayFile, is_other_array
from smalti.features.mel import MelSettings
from smalti.features.picture_files import is_picture
from smalti.features.power_mel import MATPAC_PICTURE

SUFFIX = ".npy"


def is_log_mel(path: str | Path) -> bool:
    """Whether a file is named like log-mels, and not like a published picture."""
    return str(path).lower().endswith(SUFFIX) and not is_picture(path)


def may_hold_log_mel(path: Path) -> bool:
    """Whether a file is named like log-mels and is not certainly an array of something else, such as embeddings."""
    return is_log_mel(path) and not is_other_array(path, bands=MATPAC_PICTURE.bands)


def open_log_mel(path: str | Path, picture: MelSettings = MATPAC_PICTURE) -> ArrayFile:
    """Log-mels on disk, ready to be read in parts.

    Raises:
        DataError: if another picture is wanted, or as `ArrayFile.open`.
    """
    if picture != MATPAC_PICTURE:
        raise DataError(f"{path}: is a log-mel of MATPAC, wanted another mel; give sound, or a model with its picture")
    return ArrayFile.open(path, bands=picture.bands)
