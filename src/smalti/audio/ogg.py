"""What an Ogg file promises, page by page: checksums, sequence, the end-of-stream mark, chained streams.

libsndfile reports a cut or damaged Ogg file as success; the pages tell.

Source: RFC 3533 (pages), RFC 7845 (Opus), Vorbis I specification section 4.2 (Vorbis).
"""

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from smalti.audio.claims import Claims
from smalti.audio.limits import require_shape
from smalti.audio.sniff import MEDIA_HINT
from smalti.core import DataError

_HEADER = 27
_FIRST, _LAST = 2, 4
_LONGEST_PAGE = _HEADER + 255 + 255 * 255
_MIRROR = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))
_OTHER = {b"\x7fFLAC": "FLAC", b"Speex  ": "Speex", b"\x80theora": "Theora"}


@dataclass(frozen=True, slots=True)
class _Page:
    kind: int
    serial: int
    sequence: int
    body: bytes


def examine(file: BinaryIO, size: int, *, whole: bool) -> Claims:
    """Check the first pages of an Ogg file of `size` bytes and, if `whole`, every page.

    Raises:
        DataError: if it holds nothing that can be decoded, or several streams one behind the other.
    """
    flags: set[str] = set()
    others: set[str] = set()
    shapes: list[tuple[int, int]] = []
    open_streams: dict[int, int] = {}
    for page in _pages(file, size, flags):
        shape = _shape(page.body) if page.kind & _FIRST else None
        if shape is not None:
            require_shape(*shape)
            if shapes and not open_streams:
                _refuse_chain(shapes[0], shape)
            shapes.append(shape)
            open_streams[page.serial] = page.sequence - 1
        elif page.kind & _FIRST:
            others.update(name for magic, name in _OTHER.items() if page.body.startswith(magic))
        elif not whole:
            break
        if page.serial in open_streams:
            if page.sequence != open_streams[page.serial] + 1:
                flags.add("damaged")
            open_streams[page.serial] = page.sequence
            if page.kind & _LAST:
                del open_streams[page.serial]
    if not shapes:
        found = f"{' and '.join(sorted(others))} in Ogg; {MEDIA_HINT}" if others else "Ogg pages without a sound stream"
        raise DataError(f"holds {found}")
    if whole and open_streams:
        flags.add("cut-short")
    return Claims(flags=tuple(sorted(flags)))


def _refuse_chain(first: tuple[int, int], next_one: tuple[int, int]) -> None:
    shapes = f"{first[0]} Hz, {first[1]} channels, then {next_one[0]} Hz, {next_one[1]} channels"
    raise DataError(f"chains several streams ({shapes}), of which only the first would be heard; split it")


def _shape(body: bytes) -> tuple[int, int] | None:
    """Rate (Hz) and channels of a Vorbis or Opus stream, from its first packet; None if it is another."""
    if body.startswith(b"\x01vorbis") and len(body) >= 16:
        return int.from_bytes(body[12:16], "little"), body[11]
    if body.startswith(b"OpusHead") and len(body) >= 10:
        return 48000, body[9]
    return None


def _pages(file: BinaryIO, size: int, flags: set[str]) -> Iterator[_Page]:
    """Every page; what lies between pages and what a checksum betrays goes into `flags`."""
    position = 0
    while position < size:
        file.seek(position)
        head = file.read(_HEADER + 255)
        if head[:4] != b"OggS":
            position = _next_page(file, position + 1, size)
            if position < size:  # what follows the last page is no matter
                flags.add("damaged")
            continue
        lengths = head[_HEADER : _HEADER + head[26]] if len(head) >= _HEADER else b""
        length = _HEADER + len(lengths) + sum(lengths)
        if len(head) < _HEADER or len(lengths) < head[26] or position + length > size:
            flags.add("cut-short")
            position = _next_page(file, position + 4, size)
            continue
        file.seek(position)
        page = file.read(length)
        if _checksum(page) != int.from_bytes(page[22:26], "little"):
            flags.add("checksum")
        serial, number = (int.from_bytes(page[at : at + 4], "little") for at in (14, 18))
        yield _Page(page[5], serial, number, page[_HEADER + len(lengths) :])
        position += length


def _next_page(file: BinaryIO, position: int, size: int) -> int:
    """Where the next page begins; `size` if there is none."""
    while position < size:
        file.seek(position)
        block = file.read(_LONGEST_PAGE)
        if (at := block.find(b"OggS")) >= 0:
            return position + at
        position += max(len(block) - 3, 1)
    return size


def _checksum(page: bytes) -> int:
    """CRC-32 of a page with its own checksum field zero.

    Ogg's CRC runs from the high bit and starts at zero; zlib's has the same polynomial, mirrored, and starts at all
    ones. So bytes and result are mirrored and the ones taken out.
    """
    body = page[:22] + b"\0\0\0\0" + page[26:]
    mirrored = zlib.crc32(body.translate(_MIRROR), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int(f"{mirrored:032b}"[::-1], 2)
