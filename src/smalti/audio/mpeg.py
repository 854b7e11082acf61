"""What an MPEG audio file (MP3) promises: its frames one behind the other, and what lies between them.

A decoder hunts for frames in whatever it is given, finds false ones in noise and jumps over holes in silence. Here a
file counts as MPEG audio only where frames follow each other at the lengths they give.

Source: ISO/IEC 11172-3 section 2.4.1.3 and 13818-3 section 2.4.2.3 (headers); Xing header as LAME documents it.
"""

from dataclasses import dataclass
from typing import BinaryIO

from smalti.audio.claims import Claims
from smalti.audio.flac import id3_length
from smalti.core import DataError

_CHAIN = 3  # frames in a row that prove the first is none by chance
_SEARCH = 2**16  # bytes before the first frame that may be junk
_TRIMMED = 12_000  # samples that a decoder may cut for encoder delay and padding
_SCAN = 2**16
_RATES = ((11025, 12000, 8000), (), (22050, 24000, 16000), (44100, 48000, 32000))
_KBITS = {
    (3, 3): (32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (3, 2): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (3, 1): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (2, 3): (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (2, 2): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}


@dataclass(frozen=True, slots=True)
class _Frame:
    """One frame header: `kind` is what must not change in a file (version, layer, rate, mono or not)."""

    kind: tuple[int, int, int, bool]
    length: int
    samples: int


def examine(file: BinaryIO, size: int, *, whole: bool) -> Claims:
    """Find the first frame of a file of `size` bytes and, if `whole`, follow all of them.

    Raises:
        DataError: if there are no frames, or their rate or channels change in mid-file.
    """
    start = _skip_tags(file, 0, size)
    first = _find(file, start, min(start + _SEARCH, size), size)
    if first is None:
        raise DataError("is not sound that smalti knows: no known header and no MPEG frames")
    frame = _frame(_at(file, first, 4))
    assert frame is not None
    offset = first if first > start else 0
    if not whole:
        return Claims(offset=offset)
    count, flags = _follow(file, first, size, frame)
    promised = _xing_frames(_at(file, first, 64))
    if promised is not None and count < promised:
        flags.add("cut-short")
    frames = max(count * frame.samples - _TRIMMED, 1)
    return Claims(frames=frames, flags=tuple(sorted(flags)), offset=offset)


def _follow(file: BinaryIO, position: int, size: int, first: _Frame) -> tuple[int, set[str]]:
    """Count frames to the end of the file and name what is wrong on the way."""
    count, flags = 0, set[str]()
    while position < size:
        frame = _frame(_at(file, position, 4))
        if frame is not None and frame.kind == first.kind:
            if position + frame.length > size:
                flags.add("cut-short")
                break
            count += 1
            position += frame.length
            continue
        tag_end = _skip_tags(file, position, size)
        if tag_end == position:
            found = _find(file, position, size, size)
            if found is None:
                if _at(file, position, _SCAN).strip(b"\0"):
                    flags.add("damaged")
                break
            other = _frame(_at(file, found, 4))
            assert other is not None
            if other.kind != first.kind:
                raise DataError(f"sample rate or channels change at byte {found}; split it into one file each")
            flags.add("damaged")
            tag_end = found
        position = tag_end
    return count, flags


def _find(file: BinaryIO, position: int, limit: int, size: int) -> int | None:
    """The first byte in position…limit where a chain of frames begins."""
    while position < limit:
        block = _at(file, position, min(_SCAN, limit - position))
        at = block.find(b"\xff")
        while at >= 0:
            if _begins_chain(file, position + at, size):
                return position + at
            at = block.find(b"\xff", at + 1)
        position += max(len(block), 1)
    return None


def _begins_chain(file: BinaryIO, position: int, size: int) -> bool:
    kind = None
    for _ in range(_CHAIN):
        frame = _frame(_at(file, position, 4))
        if frame is None or kind not in (None, frame.kind):
            return kind is not None and _skip_tags(file, position, size) > position
        kind = frame.kind
        position += frame.length
        if position >= size:
            return position == size
    return True


def _frame(head: bytes) -> _Frame | None:
    """Parse four bytes of header; None if these bytes are not one."""
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
        return None
    version, layer = head[1] >> 3 & 3, head[1] >> 1 & 3
    bits, rate_code, padding = head[2] >> 4, head[2] >> 2 & 3, head[2] >> 1 & 1
    if version == 1 or layer == 0 or bits in (0, 15) or rate_code == 3:
        return None
    full = version == 3
    rate = _RATES[version][rate_code]
    table = _KBITS[(3, layer)] if full else _KBITS[(2, 3 if layer == 3 else 2)]
    bit_rate = table[bits - 1] * 1000
    if layer == 3:
        samples, length = 384, (12 * bit_rate // rate + padding) * 4
    else:
        samples = 1152 if full or layer == 2 else 576
        length = samples // 8 * bit_rate // rate + padding
    return _Frame((version, layer, rate, head[3] >> 6 == 3), length, samples)


def _skip_tags(file: BinaryIO, position: int, size: int) -> int:
    """Where the tags (ID3, APE) that begin at `position` end; `position` itself if there are none."""
    while True:
        head = _at(file, position, 32)
        if head[:3] == b"ID3" and position + 10 + id3_length(head) <= size:
            position += 10 + id3_length(head)
        elif head[:3] == b"TAG" and position + 128 == size:
            position = size
        elif head[:8] == b"APETAGEX":
            position = min(position + 32 + int.from_bytes(head[12:16], "little"), size)
        else:
            return position


def _xing_frames(frame: bytes) -> int | None:
    """Frames that a Xing or Info header in the first frame promises."""
    at = max(frame.find(b"Xing"), frame.find(b"Info"))
    if at < 0 or not frame[at + 7 : at + 8] or not frame[at + 7] & 1:
        return None
    return int.from_bytes(frame[at + 8 : at + 12])


def _at(file: BinaryIO, position: int, count: int) -> bytes:
    file.seek(position)
    return file.read(count)
