"""Mel pictures in files as SpecVQGAN published them: `NAME_mel.npy`, bands × frames of numbers in 0…1."""

from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from smalti.core import DataError
from smalti.features.array_files import ArrayFile
from smalti.features.mel import MelSettings

SUFFIX = "_mel.npy"
_SLACK = 1e-3  # that rounding may lead out of 0…1


def is_picture(path: str | Path) -> bool:
    """Whether a file is named like a published picture."""
    return str(path).lower().endswith(SUFFIX)


def read_picture(path: str | Path, picture: MelSettings) -> Float[Tensor, "band frame"]:
    """A log-mel picture of 0…1.

    Args:
        path: of the file.
        picture: what it must be; the file tells its bands only.
    Raises:
        DataError: if it cannot be read, is no array of floats, has other bands or another size than its header says,
            or holds numbers that are not finite or not within 0…1.
    """
    numbers = ArrayFile.open(path, bands=picture.bands).read()
    low, high = float(numbers.min()), float(numbers.max())
    if low < -_SLACK or high > 1 + _SLACK:
        raise DataError(f"{path}: holds levels of {low:.3g}…{high:.3g}, wanted 0…1; map decibels to (dB + 80) / 100")
    return torch.from_numpy(numbers).clamp(0, 1)
