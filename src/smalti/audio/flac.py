"""What a FLAC file promises: its metadata blocks, and the headers of all its frames, found without decoding them.

libFLAC decodes the samples; what it does not tell is checked here: a rate or depth that changes in mid-file, frames
longer than the header allows, a total that is missing or wrong, metadata that overruns the file.

Source: RFC 9639, sections 8 (metadata) and 9.1 (frame headers).
"""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np
from jaxtyping import Int32

from smalti.audio.claims import Claims
from smalti.audio.limits import require_shape
from smalti.core import DataError

_ONCE = {0: "STREAMINFO", 3: "SEEKTABLE", 4: "VORBIS_COMMENT"}
_RATES = (0, 88200, 176400, 192000, 8000, 16000, 22050, 24000, 32000, 44100, 48000, 96000)
_BITS = (0, 8, 12, 0, 16, 20, 24, 32)
_LONGEST_HEADER = 16  # bytes of a frame header
_SHORTEST_BLOCK, _LONGEST_BLOCK = 16, 65535  # samples in all frames but the last
_SYNC = re.compile(rb"\xff[\xf8\xf9]")
_CHUNK = 2**20


@dataclass(frozen=True, slots=True)
class _Info:
    """STREAMINFO; zeros mean unknown."""

    smallest_block: int
    largest_block: int
    largest_frame: int
    sample_rate: int
    channels: int
    bits: int
    total: int
    md5: bytes


@dataclass(frozen=True, slots=True)
class _Frame:
    position: int
    number: int
    block: int
    sample_rate: int
    channels: int
    bits: int


def examine(file: BinaryIO, size: int, *, whole: bool) -> Claims:
    """Check the metadata of a FLAC file of `size` bytes and, if `whole`, every frame header.

    Raises:
        DataError: if it cannot be decoded properly, saying why.
    """
    info, flags, first = _metadata(file, size)
    require_shape(info.sample_rate, info.channels)
    if first >= size:
        raise DataError("no audio frames: it ends after its metadata; restore it or leave it out")
    frames = info.total or None
    if whole:
        found, mismatch = _frames(file, first, info)
        if info.total and found > info.total:
            mismatch = True
        flags = (*flags, "header-mismatch") if mismatch else flags
        frames = max(found, info.total)
    md5 = info.md5 if any(info.md5) else None
    return Claims(frames=frames, flags=flags, md5=md5, bits=info.bits)


class Md5:
    """The checksum FLAC keeps of its samples: little-endian integers, channels interleaved."""

    def __init__(self, bits: int) -> None:
        self._shift, self._bytes = 32 - bits, -(-bits // 8)
        self._hash = hashlib.md5(usedforsecurity=False)

    def update(self, samples: Int32[np.ndarray, "frame channel"]) -> None:
        """Add decoded samples, full scale ±2³¹."""
        values = np.ascontiguousarray((samples >> self._shift).astype("<i4"))
        self._hash.update(values.view(np.uint8).reshape(-1, 4)[:, : self._bytes].tobytes())

    def digest(self) -> bytes:
        """The 16 bytes so far."""
        return self._hash.digest()


def _metadata(file: BinaryIO, size: int) -> tuple[_Info, tuple[str, ...], int]:
    position = _after_id3(file)
    file.seek(position)
    if file.read(4) != b"fLaC":
        raise DataError("has no FLAC marker after its ID3 tag")
    position += 4
    info: _Info | None = None
    seen: set[int] = set()
    flags: set[str] = set()
    last = False
    while not last:
        file.seek(position)
        head = file.read(4)
        if len(head) < 4:
            raise DataError("no audio frames: it ends inside its metadata; restore it or leave it out")
        last, kind, length = bool(head[0] & 0x80), head[0] & 0x7F, int.from_bytes(head[1:])
        position += 4
        if position + length > size:
            raise DataError(f"a metadata block claims {length} bytes, {max(size - position, 0)} follow")
        if (kind == 0) != (info is None) or kind == 127 or (kind == 0 and length != 34):
            raise DataError("its metadata does not begin with one STREAMINFO block; it is damaged or no FLAC file")
        if kind == 0:
            info = _streaminfo(file.read(34))
        if (kind in _ONCE and kind in seen) or (kind == 4 and not _comment_fits(file.read(length))):
            flags.add("damaged")
        seen.add(kind)
        position += length
    assert info is not None
    return info, tuple(sorted(flags)), position


def _after_id3(file: BinaryIO) -> int:
    file.seek(0)
    head = file.read(10)
    return 10 + id3_length(head) if head[:3] == b"ID3" else 0


def id3_length(head: bytes) -> int:
    """Bytes of an ID3v2 tag behind its ten-byte head."""
    high, mid, low, lowest = (b & 0x7F for b in head[6:10].ljust(4, b"\0"))
    return high << 21 | mid << 14 | low << 7 | lowest


def _streaminfo(block: bytes) -> _Info:
    packed = int.from_bytes(block[10:18])
    return _Info(
        smallest_block=int.from_bytes(block[:2]),
        largest_block=int.from_bytes(block[2:4]),
        largest_frame=int.from_bytes(block[7:10]),
        sample_rate=packed >> 44,
        channels=(packed >> 41 & 7) + 1,
        bits=(packed >> 36 & 31) + 1,
        total=packed & (1 << 36) - 1,
        md5=block[18:34],
    )


def _comment_fits(block: bytes) -> bool:
    """Whether the lengths inside a VORBIS_COMMENT block stay inside it."""
    position = 4 + int.from_bytes(block[:4], "little")
    count = int.from_bytes(block[position : position + 4], "little")
    position += 4
    for _ in range(min(count, len(block))):
        if position + 4 > len(block):
            return False
        position += 4 + int.from_bytes(block[position : position + 4], "little")
    return position <= len(block)


def _frames(file: BinaryIO, first: int, info: _Info) -> tuple[int, bool]:
    """Samples in all frames, and whether they lie elsewhere or are of another length than STREAMINFO allows.

    Raises:
        DataError: if rate, channels or depth differ from the header in any frame.
    """
    total, previous = 0, first
    largest_block = largest_frame = 0
    smallest = last = _LONGEST_BLOCK
    misplaced = False
    for frame in _chain(file, first):
        shape = (frame.sample_rate or info.sample_rate, frame.channels, frame.bits or info.bits)
        if shape != (info.sample_rate, info.channels, info.bits):
            raise DataError(
                f"a frame at byte {frame.position} is {shape[0]} Hz, {shape[1]} channels, {shape[2]} bits; "
                f"the header says {info.sample_rate} Hz, {info.channels} channels, {info.bits} bits"
            )
        misplaced = misplaced or (not total and frame.position != first)
        smallest, last = min(smallest, last), frame.block
        total += frame.block
        largest_block = max(largest_block, frame.block)
        largest_frame = max(largest_frame, frame.position - previous)
        previous = frame.position
    smallest = min(smallest, info.smallest_block)  # the last frame may be shorter
    over = largest_block > info.largest_block or 0 < info.largest_frame < largest_frame
    return total, over or misplaced or smallest < _SHORTEST_BLOCK


def _chain(file: BinaryIO, first: int) -> Iterator[_Frame]:
    """Frames whose numbers follow each other from byte `first` on."""
    expected: int | None = None
    position = first
    while chunk := _read(file, position):
        end = len(chunk) - _LONGEST_HEADER if len(chunk) == _CHUNK else len(chunk)
        for found in _SYNC.finditer(chunk, 0, min(end + 1, len(chunk))):
            at = found.start()
            frame = _header(chunk[at : at + _LONGEST_HEADER], position + at)
            if frame is not None and (expected is None or frame.number == expected):
                expected = frame.number + (frame.block if chunk[at + 1] & 1 else 1)
                yield frame
        position += end


def _read(file: BinaryIO, position: int) -> bytes:
    file.seek(position)
    return file.read(_CHUNK)


def _header(head: bytes, position: int) -> _Frame | None:
    """Parse one frame header; None if these bytes are not one."""
    if len(head) < 6 or head[0] != 0xFF or head[1] & 0xFE != 0xF8:
        return None
    block_code, rate_code = head[2] >> 4, head[2] & 15
    channel_code, bits_code = head[3] >> 4, head[3] >> 1 & 7
    number, at = _coded_number(head, 4)
    if number is None or block_code == 0 or rate_code == 15 or channel_code > 10 or bits_code == 3 or head[3] & 1:
        return None
    block, at = _block(head, block_code, at)
    rate, at = _rate(head, rate_code, at)
    if at >= len(head) or _crc8(head[:at]) != head[at]:
        return None
    channels = channel_code + 1 if channel_code < 8 else 2
    return _Frame(position, number, block, rate, channels, _BITS[bits_code])


def _coded_number(head: bytes, at: int) -> tuple[int | None, int]:
    """A frame or sample number in the style of UTF-8, up to 36 bits, and where it ends."""
    lead = head[at]
    extra = next((n for n in range(8) if not lead << n & 0x80), 8) - 1
    if extra < 1:
        return (lead if extra < 0 else None), at + 1
    tail = head[at + 1 : at + 1 + extra]
    if extra > 6 or len(tail) < extra or any(b & 0xC0 != 0x80 for b in tail):
        return None, at
    number = lead & (0x3F >> extra)
    for byte in tail:
        number = number << 6 | byte & 0x3F
    return number, at + 1 + extra


def _block(head: bytes, code: int, at: int) -> tuple[int, int]:
    if code in (6, 7):
        width = code - 5
        return int.from_bytes(head[at : at + width]) + 1, at + width
    return (192 if code == 1 else 576 << code - 2 if code < 6 else 256 << code - 8), at


def _rate(head: bytes, code: int, at: int) -> tuple[int, int]:
    if code < 12:
        return _RATES[code], at
    width, unit = {12: (1, 1000), 13: (2, 1), 14: (2, 10)}[code]
    return int.from_bytes(head[at : at + width]) * unit, at + width


def _crc8_table() -> bytes:
    table = bytearray()
    for value in range(256):
        for _ in range(8):
            value = (value << 1 ^ 0x07) & 0xFF if value & 0x80 else value << 1
        table.append(value)
    return bytes(table)


_CRC8 = _crc8_table()


def _crc8(data: bytes) -> int:
    crc = 0
    for byte in data:
        crc = _CRC8[crc ^ byte]
    return crc
