"""The `.dac` file of descript-audio-codec: one clip's codes and how loud, long and fast the sound was.

    header     of a .npy file, version 1: descr '|O', no axes; 128 bytes
    pickle     protocol 3, of an array of one object: {codes: uint16 [channel, codebook, frame], metadata: {input_db,
               original_length, sample_rate, chunk_length, channels, padding, dac_version}}

A pickle can hold code and its usual readers run it. Here it is walked (`smalti.store.inert_pickle`), nothing in it is
run, and every claim is held against the bytes that are there. The file does not say which model its codes are of.

Source: descript-audio-codec 1.0.0, dac_version "1.0.0".
"""

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Int64
from torch import Tensor

from smalti.audio.limits import MAX_CHANNELS, MAX_READ_SAMPLES, MAX_SAMPLE_RATE, MIN_SAMPLE_RATE
from smalti.core import ParameterError, StoreError
from smalti.store.atomic import write_bytes
from smalti.store.inert_pickle import InertArray, PickleRefused, read_inert
from smalti.store.numpy_pickle import pickled

VERSION = "1.0.0"
MOST_VOCAB = 1 << 16
_MAGIC = b"\x93NUMPY"
_HEADERS = {(1, 0): struct.Struct("<H"), (2, 0): struct.Struct("<I")}
_HEADER = "{'descr': '|O', 'fortran_order': False, 'shape': (), }"
_HEADER_BYTES = 128
_MOST_HEADER = 4096
_MOST_BYTES = 64 * 2**20  # an hour of 32 codebooks takes 17 MiB
_MOST_CODEBOOKS = 1024
_DECIBELS = (-200.0, 100.0)
_VOCAB = 1024
_FIELDS = frozenset(
    ("input_db", "original_length", "sample_rate", "chunk_length", "channels", "padding", "dac_version")
)


@dataclass(frozen=True, slots=True, kw_only=True)
class DacFile:
    """One clip as a `.dac` file keeps it.

    Raises:
        ParameterError: if a fact cannot be; names found and wanted.

    Attributes:
        codes: of each channel, all chunks one after the other.
        sample_rate: Hz, of the sound that went in, which need not be the codec's.
        original_length: samples of it, at that rate.
        chunk_length: frames that are decoded in one piece.
        input_db: loudness of the sound that went in, in LUFS.
        channels: of it.
        padding: whether the codec's convolutions were padded. Where they were not, chunks overlap in time and a frame's
            number does not tell its time.
        dac_version: of the file's format.
    """

    codes: Int64[Tensor, "channel codebook frame"]
    sample_rate: int
    original_length: int
    chunk_length: int
    input_db: float
    channels: int = 1
    padding: bool = True
    dac_version: str = VERSION

    @property
    def seconds(self) -> float:
        """Duration of the sound that went in."""
        return self.original_length / self.sample_rate

    @property
    def chunks(self) -> int:
        """Pieces that are decoded one by one."""
        return self.codes.shape[2] // self.chunk_length

    def __post_init__(self) -> None:
        channels, codebooks, frames = self.codes.shape
        bounds = {
            "codebooks": (codebooks, 1, _MOST_CODEBOOKS),
            "frames": (frames, 1, MAX_READ_SAMPLES),
            "chunk_length": (self.chunk_length, 1, MAX_READ_SAMPLES),
            "channels": (self.channels, 1, MAX_CHANNELS),
            "sample_rate": (self.sample_rate, MIN_SAMPLE_RATE, MAX_SAMPLE_RATE),
            "original_length": (self.original_length, 1, MAX_READ_SAMPLES),
            "input_db": (self.input_db, *_DECIBELS),
        }
        for name, (found, least, most) in bounds.items():
            if not least <= found <= most:
                raise ParameterError(f"{name} is {found}, wanted {least}…{most}")
        if channels != self.channels:
            raise ParameterError(f"found codes of {channels} channels, wanted {self.channels}; one clip a file")
        if frames % self.chunk_length:
            raise ParameterError(f"{frames} frames are no whole number of chunks of {self.chunk_length}")
        if self.dac_version != VERSION:
            raise ParameterError(
                f"dac_version is {self.dac_version[:20]!r}, wanted {VERSION!r}; encode the sound again"
            )


def read_dac(path: Path, *, vocab: int = _VOCAB) -> DacFile:
    """Read a `.dac` file. Nothing in it is run; memory is bounded by the size of the file.

    Args:
        path: of it.
        vocab: entries of a codebook; all published models have 1024.
    Raises:
        StoreError: if it is missing, cut, holds anything but codes and their facts, or a code outside the vocabulary.
    """
    try:
        if not path.is_file() and path.exists():
            raise StoreError(f"{path} is a folder or a device; name a .dac file")
        if (size := path.stat().st_size) > _MOST_BYTES:
            raise StoreError(f"{path} holds {size} bytes, wanted at most {_MOST_BYTES}; encode the sound in parts")
        with path.open("rb") as file:
            data = file.read(size)
    except OSError as error:
        raise StoreError(f"{path} cannot be read: {error.strerror}; name a .dac file") from None
    try:
        return _examined(read_inert(_after_header(data)), vocab)
    except (PickleRefused, ParameterError) as error:
        raise StoreError(f"{path} is no good .dac file, it {_claim(error)}; nothing in it was run") from None


def write_dac(path: Path, clip: DacFile) -> None:
    """Write a `.dac` file, atomically, byte for byte as numpy 1 writes it for descript-audio-codec.

    Raises:
        ParameterError: if a code does not fit 16 bits.
        StoreError: if there is no space left.
    """
    write_bytes(path, dac_bytes(clip))


def dac_bytes(clip: DacFile) -> bytes:
    """A clip as the bytes of such a file.

    Raises:
        ParameterError: if a code does not fit 16 bits.
    """
    low, high = int(clip.codes.min()), int(clip.codes.max())
    if low < 0 or high >= MOST_VOCAB:
        raise ParameterError(f"codes lie in {low}…{high}, a .dac file holds 0…{MOST_VOCAB - 1}; use a .smt file")
    metadata = {
        "input_db": np.array([clip.input_db], "<f4"),
        "original_length": clip.original_length,
        "sample_rate": clip.sample_rate,
        "chunk_length": clip.chunk_length,
        "channels": clip.channels,
        "padding": clip.padding,
        "dac_version": clip.dac_version,
    }
    header = _MAGIC + b"\x01\x00" + _HEADERS[1, 0].pack(_HEADER_BYTES - 10)
    text = _HEADER.ljust(_HEADER_BYTES - len(header) - 1) + "\n"
    codes = clip.codes.cpu().numpy().astype("<u2")
    return header + text.encode("latin-1") + pickled({"codes": codes, "metadata": metadata})


def _after_header(data: bytes) -> bytes:
    """The pickle behind a header that says what it has to say."""
    version = (data[6], data[7]) if len(data) > 8 else (0, 0)
    if not data.startswith(_MAGIC) or version not in _HEADERS:
        raise PickleRefused("does not begin as one")
    size = _HEADERS[version]
    begin = 8 + size.size
    length = size.unpack(data[8:begin])[0] if len(data) >= begin else 0
    text = data[begin : begin + length]
    if not 0 < length <= _MOST_HEADER or len(text) != length:
        raise PickleRefused(f"claims a header of {length} bytes")
    # compared as text: numpy itself evaluates it
    if b"".join(text.split()).replace(b",}", b"}") != _HEADER.replace(" ", "").replace(",}", "}").encode():
        raise PickleRefused("is an array of something else, wanted one object")
    return data[begin + length :]


def _examined(value: Any, vocab: int) -> DacFile:
    found = value.item if isinstance(value, InertArray) else None
    parts = _dict(found, frozenset(("codes", "metadata")), "its content")
    facts = _dict(parts["metadata"], _FIELDS, "its metadata")
    codes = _codes(parts["codes"], vocab)
    padding, version = facts["padding"], facts["dac_version"]
    if type(padding) is not bool or type(version) is not str:
        raise PickleRefused("has a padding or a version of another kind")
    names = ("sample_rate", "original_length", "chunk_length", "channels")
    return DacFile(
        codes=codes,
        **{name: _whole(facts[name], name) for name in names},
        input_db=_decibels(facts["input_db"]),
        padding=padding,
        dac_version=version,
    )


def _dict(value: Any, names: frozenset[str], what: str) -> Mapping[str, Any]:
    if type(value) is not dict:
        raise PickleRefused(f"has {type(value).__name__} as {what}, wanted dict")
    if missing := names - value.keys():
        raise PickleRefused(f"lacks {', '.join(sorted(missing))} in {what}")
    if strange := value.keys() - names:
        raise PickleRefused(f"has {min(strange)[:20]!r} in {what}, which is unknown")
    return value


def _codes(value: Any, vocab: int) -> Int64[Tensor, "channel codebook frame"]:
    numbers = value.numbers if isinstance(value, InertArray) else None
    if numbers is None or numbers.dtype.kind not in "ui" or numbers.ndim != 3:
        raise PickleRefused("has no codes of three axes")
    if not numbers.size:
        raise PickleRefused("has no codes")
    low, high = int(numbers.min()), int(numbers.max())
    if low < 0 or high >= vocab:
        raise PickleRefused(f"has the code {low if low < 0 else high}, wanted 0…{vocab - 1}")
    return torch.from_numpy(numbers.astype(np.int64, order="C"))


def _whole(value: Any, name: str) -> int:
    """A whole number, written as one or as an array without axes."""
    numbers = value.numbers if isinstance(value, InertArray) else None
    if numbers is not None and numbers.size == 1 and numbers.dtype.kind in "ui":
        value = int(numbers.item())
    if type(value) is not int:
        raise PickleRefused(f"has a {name} that is no whole number")
    return value


def _decibels(value: Any) -> float:
    """One loudness; the published encoder writes an array of one."""
    numbers = value.numbers if isinstance(value, InertArray) else None
    if numbers is not None and numbers.size == 1 and numbers.dtype.kind in "uif":
        value = numbers.item()
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise PickleRefused("has an input_db that is no loudness")
    return float(value)


def _claim(error: Exception) -> str:
    said = str(error)
    return said if isinstance(error, PickleRefused) else f"contradicts itself: {said}"
