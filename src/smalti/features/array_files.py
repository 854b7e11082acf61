"""Pictures in `.npy` files, bands × frames of numbers, read without ever unpickling and without believing a header.

The header is held against the size of the file before a byte of the numbers is believed; a part is read by memory map.
"""

import io
import math
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from jaxtyping import Float
from numpy.lib import format as npy
from torch import Tensor

from smalti.core import DataError

_HEADERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
_NO_HEADER = (ValueError, KeyError, SyntaxError, TypeError, EOFError)
_MOST_FRAMES = 1 << 24  # nearly two days at 100 a second


@dataclass(frozen=True, slots=True)
class ArrayFile:
    """A file whose header was checked.

    Attributes:
        path: of it.
        frames: columns of the picture.
    """

    path: Path
    frames: int
    _bands: int
    _column_major: bool
    _kind: np.dtype
    _offset: int

    @classmethod
    def open(cls, path: str | Path, *, bands: int) -> "ArrayFile":
        """Check a file's header against its size; no number is read.

        Raises:
            DataError: if it cannot be read, is no array of floats, has other bands or another size than its header
                says.
        """
        path = Path(path)
        try:
            with path.open("rb") as file:
                return _examined(path, file, bands)
        except OSError as error:
            raise DataError(f"{path}: cannot be read ({error.strerror}); check the file") from None

    def read(self, *, first: int = 0, count: int | None = None) -> Float[np.ndarray, "band frame"]:
        """Frames `first` to `first + count`, to the end if not told, in single precision. The rest is not read.

        Raises:
            DataError: if the file is gone or numbers read are not finite.
        """
        shape, order = (self._bands, self.frames), "F" if self._column_major else "C"
        try:
            mapped = np.memmap(self.path, self._kind, mode="r", offset=self._offset, shape=shape, order=order)
        except (OSError, ValueError):
            raise DataError(f"{self.path}: is not the file that it was; prepare it again") from None
        numbers = np.array(mapped[:, first : None if count is None else first + count], np.float32)
        if not np.isfinite(numbers).all():
            raise DataError(f"{self.path}: holds NaN or Inf, wanted finite numbers; write it anew")
        return numbers


def array_bytes(picture: Float[Tensor, "band frame"]) -> bytes:
    """A picture as the bytes of such a file, in single precision."""
    buffer = io.BytesIO()
    npy.write_array(buffer, np.ascontiguousarray(picture.float().numpy()), version=(1, 0), allow_pickle=False)
    return buffer.getvalue()


def is_other_array(path: Path, *, bands: int) -> bool:
    """Whether a file is certainly an array of something else: it has a header, and that tells other axes."""
    try:
        with path.open("rb") as file:
            shape, _, _ = _header(file)
    except (OSError, *_NO_HEADER):
        return False
    return len(shape) != 2 or shape[0] != bands


def _header(file: BinaryIO) -> tuple[tuple[int, ...], bool, np.dtype]:
    return _HEADERS[npy.read_magic(file)](file)


def _examined(path: Path, file: BinaryIO, bands: int) -> ArrayFile:
    try:
        shape, column_major, kind = _header(file)
    except _NO_HEADER:
        raise DataError(f"{path}: is no .npy array; prepare the sound, or give pictures as published") from None
    if kind not in (np.dtype("<f4"), np.dtype("<f8")):
        raise DataError(f"{path}: holds {kind}, wanted numbers of 32 or 64 bits (<f4, <f8); write it anew")
    if len(shape) != 2 or shape[0] != bands or not 1 <= shape[1] <= _MOST_FRAMES:
        raise DataError(f"{path}: is of shape {shape}, wanted ({bands}, frames); its mel must be the model's")
    wanted, found = math.prod(shape) * kind.itemsize, path.stat().st_size - file.tell()
    if found != wanted:
        raise DataError(f"{path}: holds {found} bytes of numbers, its header says {wanted}; fetch or prepare it again")
    return ArrayFile(path, shape[1], bands, column_major, kind, file.tell())
