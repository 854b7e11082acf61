"""What WAV, RF64, W64, AIFF, CAF and AU headers promise, chunk by chunk, each size held against the file."""

import struct
from dataclasses import dataclass
from typing import BinaryIO

from smalti.audio.claims import Claims
from smalti.audio.limits import MAX_CHUNKS, require_shape
from smalti.core import DataError

_UNKNOWN = 0xFFFFFFFF  # a writer that could not seek back leaves this for "until the end"
_PCM = {8: "PCM_U8", 16: "PCM_16", 24: "PCM_24", 32: "PCM_32"}
_FLOAT = {32: "FLOAT", 64: "DOUBLE"}


@dataclass(frozen=True, slots=True)
class _Layout:
    """How one container lays out its chunks: the first, bytes of a name, format of a size, alignment, what is sized."""

    start: int
    name: int
    size: str
    align: int
    sizes_header: bool = False


_LAYOUTS = {
    b"RIFF": _Layout(12, 4, "<I", 2),
    b"RF64": _Layout(12, 4, "<I", 2),
    b"BW64": _Layout(12, 4, "<I", 2),
    b"RIFX": _Layout(12, 4, ">I", 2),
    b"FORM": _Layout(12, 4, ">I", 2),
    b"caff": _Layout(8, 4, ">q", 1),
    b"riff": _Layout(40, 16, "<Q", 8, sizes_header=True),
}


@dataclass(frozen=True, slots=True)
class _Chunk:
    offset: int
    size: int


def examine(file: BinaryIO, size: int) -> Claims:
    """Check the header of a RIFF-like file of `size` bytes.

    Raises:
        DataError: if it cannot hold sound, saying why.
    """
    file.seek(0)
    form = file.read(4)
    if form in (b".snd", b"dns."):
        return _au(file, size, "<" if form == b"dns." else ">")
    chunks = _walk(file, size, _LAYOUTS[form])
    if form == b"FORM":
        return _aiff(file, size, chunks)
    if form == b"caff":
        return _caf(file, size, chunks)
    return _wave(file, size, chunks, form)


def _walk(file: BinaryIO, size: int, layout: _Layout) -> dict[bytes, _Chunk]:
    """Chunks up to the one that holds the sound, by the first four bytes of their names."""
    chunks: dict[bytes, _Chunk] = {}
    header = layout.name + struct.calcsize(layout.size)
    position = layout.start
    for _ in range(MAX_CHUNKS):
        file.seek(position)
        head = file.read(header)
        if len(head) < header:
            break
        (claimed,) = struct.unpack(layout.size, head[layout.name :])
        name, content = head[:4], claimed - header * layout.sizes_header
        chunks.setdefault(name, _Chunk(position + header, content))
        if name == b"data" or (name == b"SSND" and b"COMM" in chunks):
            return chunks
        if content < 0 or position + header + content > size:
            raise DataError(f"its {ascii(name)[1:]} chunk claims {content} bytes, {size - position - header} follow")
        position += header + content + -content % layout.align
    else:
        raise DataError(f"has more than {MAX_CHUNKS} chunks before any sound")
    if b"SSND" in chunks:
        return chunks
    raise DataError("has no sound chunk; it is cut in its header or never held any")


def _wave(file: BinaryIO, size: int, chunks: dict[bytes, _Chunk], form: bytes) -> Claims:
    if b"fmt " not in chunks:
        raise DataError("its format chunk is missing or comes after the sound; rewrite it with an audio tool")
    end = ">" if form == b"RIFX" else "<"
    data, content = chunks[b"data"], _content(file, chunks[b"fmt "], 40)
    if len(content) < 16:
        raise DataError(f"its format chunk has {len(content)} bytes, at least 16 are needed")
    tag, channels, rate, _, align, bits = struct.unpack(end + "HHIIHH", content[:16])
    if tag == 0xFFFE and len(content) >= 26:
        (tag,) = struct.unpack(end + "H", content[24:26])
    require_shape(rate, channels)
    if tag in (1, 3):
        _require_depth(bits, align, channels)
    claimed = _ds64(file, chunks) if form in (b"RF64", b"BW64") and data.size == _UNKNOWN else data.size
    width = align if tag in (1, 3) else None
    if claimed == 0 and size > data.offset and _riff_size(file, end) == 0:
        return _unfinished(data.offset, tag, (channels, rate, bits), big_endian=end == ">")
    streamed = claimed == _UNKNOWN and form not in (b"RF64", b"riff")
    return _sound(size - data.offset, None if streamed else claimed, width)


def _require_depth(bits: int, align: int, channels: int) -> None:
    if not 8 <= bits <= 64 or align != channels * -(-bits // 8):
        raise DataError(
            f"claims {bits} bits a sample, {align} bytes a frame and {channels} channels, which do not fit together"
        )


def _unfinished(offset: int, tag: int, shape: tuple[int, int, int], *, big_endian: bool) -> Claims:
    """A recorder that died before it filled in the sizes: what follows the header is the sound."""
    channels, rate, bits = shape
    subtype = {1: _PCM, 3: _FLOAT}.get(tag, {}).get(bits)
    if subtype is None:
        raise DataError("its sizes were never filled in (a recorder that stopped early); rewrite it with an audio tool")
    return Claims(
        flags=("cut-short",), offset=offset, raw=subtype, channels=channels, sample_rate=rate, big_endian=big_endian
    )


def _aiff(file: BinaryIO, size: int, chunks: dict[bytes, _Chunk]) -> Claims:
    if b"COMM" not in chunks:
        raise DataError("its format chunk is missing; rewrite it with an audio tool")
    content = _content(file, chunks[b"COMM"], 18)
    if len(content) < 18:
        raise DataError(f"its format chunk has {len(content)} bytes, 18 are needed")
    channels, frames, _, exponent, mantissa = struct.unpack(">HIHHQ", content)
    require_shape(mantissa * 2.0 ** max(-1022, min((exponent & 0x7FFF) - 16383 - 63, 900)), channels)
    sound = chunks[b"SSND"]
    cut = _sound(size - sound.offset, sound.size, None).flags
    return Claims(frames=frames, flags=cut)


def _caf(file: BinaryIO, size: int, chunks: dict[bytes, _Chunk]) -> Claims:
    content = _content(file, chunks[b"desc"], 32) if b"desc" in chunks else b""
    if len(content) < 32:
        raise DataError("its description chunk is missing; rewrite it with an audio tool")
    rate, _, _, width, _, channels, _ = struct.unpack(">d4sIIIII", content)
    require_shape(rate if rate == rate else 0, channels)
    data = chunks[b"data"]
    if data.size != -1 and data.size < 4:
        raise DataError("no audio frames: its data chunk is empty")
    return _sound(size - data.offset - 4, None if data.size == -1 else data.size - 4, width or None)


def _au(file: BinaryIO, size: int, end: str) -> Claims:
    head = file.read(20)
    if len(head) < 20:
        raise DataError("is cut inside its AU header")
    offset, claimed, _, rate, channels = struct.unpack(end + "5I", head)
    require_shape(rate, channels)
    return _sound(size - offset, None if claimed == _UNKNOWN else claimed, None)


def _sound(available: int, claimed: int | None, width: int | None) -> Claims:
    """Hold the promised bytes of sound against those that are there."""
    promised = max(available, 0) if claimed is None else claimed
    cut = promised > available or (width is not None and claimed is not None and promised % width)
    frames = min(promised, max(available, 0)) // width if width else None
    return Claims(frames=frames, flags=("cut-short",) if cut else ())


def _content(file: BinaryIO, chunk: _Chunk, most: int) -> bytes:
    file.seek(chunk.offset)
    return file.read(min(chunk.size, most))


def _ds64(file: BinaryIO, chunks: dict[bytes, _Chunk]) -> int:
    content = _content(file, chunks[b"ds64"], 16) if b"ds64" in chunks else b""
    if len(content) < 16:
        raise DataError("is an RF64 file without its 64-bit sizes; rewrite it with an audio tool")
    return struct.unpack("<Q", content[8:])[0]


def _riff_size(file: BinaryIO, end: str) -> int:
    file.seek(4)
    return struct.unpack(end + "I", file.read(4))[0]
