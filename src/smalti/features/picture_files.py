"""Mel pictures in files as SpecVQGAN published them: `NAME_mel.npy`, bands × frames of numbers in 0…1.

Read without ever unpickling: the header is checked before a byte of the data is believed.
"""

import io
import math
from pathlib import Path
from typing import BinaryIO

import numpy as np
import torch
from jaxtyping import Float
from numpy.lib import format as npy
from torch import Tensor

from smalti.core import DataError
from smalti.features.mel import MelSettings

SUFFIX = "_mel.npy"
_HEADERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
_MOST_FRAMES = 1 << 22  # over half a day
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
    path = Path(path)
    try:
        with path.open("rb") as file:
            return _checked(_array(file, path.stat().st_size, picture.bands))
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}); check the file") from None
    except _Refused as refused:
        raise DataError(f"{path}: {refused}") from None


def picture_bytes(picture: Float[Tensor, "band frame"]) -> bytes:
    """A picture as the bytes of such a file, in single precision."""
    buffer = io.BytesIO()
    npy.write_array(buffer, np.ascontiguousarray(picture.float().numpy()), version=(1, 0), allow_pickle=False)
    return buffer.getvalue()


class _Refused(Exception):
    """Why a file is no picture."""


def _array(file: BinaryIO, size: int, bands: int) -> np.ndarray:
    try:
        header = _HEADERS[npy.read_magic(file)](file)
    except (ValueError, KeyError, SyntaxError, TypeError, EOFError):
        raise _Refused("is no .npy array; give pictures as published, or prepare the sound") from None
    shape, column_major, kind = header
    if kind not in (np.dtype("<f4"), np.dtype("<f8")):
        raise _Refused(f"holds {kind}, wanted numbers of 32 or 64 bits (<f4, <f8); write it anew")
    if len(shape) != 2 or shape[0] != bands or not 1 <= shape[1] <= _MOST_FRAMES:
        raise _Refused(f"is of shape {shape}, wanted ({bands}, frames); its mel must be the codec's")
    wanted = math.prod(shape) * kind.itemsize
    if size - file.tell() != wanted:
        raise _Refused(f"holds {size - file.tell()} bytes of numbers, its header says {wanted}; fetch it again")
    numbers = np.frombuffer(file.read(wanted), kind)
    return numbers.reshape(shape, order="F" if column_major else "C")


def _checked(numbers: np.ndarray) -> Float[Tensor, "band frame"]:
    low, high = float(numbers.min()), float(numbers.max())
    if not (math.isfinite(low) and math.isfinite(high)):
        raise _Refused("holds NaN or Inf, wanted levels of 0…1; write it anew")
    if low < -_SLACK or high > 1 + _SLACK:
        raise _Refused(f"holds levels of {low:.3g}…{high:.3g}, wanted 0…1; map decibels to (dB + 80) / 100")
    return torch.from_numpy(numbers.astype(np.float32)).clamp(0, 1)
