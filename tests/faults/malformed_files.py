"""Part of the fault kit: broken, odd and hostile recordings, and what must become of each."""

import io
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from smalti.audio import FileReport

RATE = 16000
HISS = np.random.default_rng(1).standard_normal(3 * RATE)
SAMPLES = (0.5 * np.sin(np.cumsum(0.05 + 0.04 * np.sin(np.arange(3 * RATE) / 900))) + 0.1 * HISS).astype(np.float32)
SHARED = Path(__file__).parents[2].parent / "shared" / "data" / "malformed"


def encoded(container: str, subtype: str = "PCM_16", *, rate: int = RATE, channels: int = 1) -> bytes:
    memory = io.BytesIO()
    samples = np.repeat(SAMPLES[:, None], channels, axis=1)
    soundfile.write(memory, samples, rate, format=container, subtype=subtype)
    return memory.getvalue()


def wave(*, tag: int = 1, channels: int = 1, rate: int = RATE, align: int = 2, bits: int = 16, **given: Any) -> bytes:
    """A WAV file put together by hand, so that every field can lie."""
    data = given.get("data", (SAMPLES[:8000] * 32767).astype("<i2").tobytes())
    fields = struct.pack("<HHIIHH", tag, channels, rate, rate * align % 2**32, align, bits)
    chunks = given.get("before", b"") + b"fmt " + struct.pack("<I", 16) + fields
    chunks += b"data" + struct.pack("<I", given.get("claimed", len(data))) + data + given.get("after", b"")
    return b"RIFF" + struct.pack("<I", given.get("riff", 4 + len(chunks))) + b"WAVE" + chunks


def flac_with(change: Callable[[bytearray], None]) -> bytes:
    data = bytearray(encoded("FLAC"))
    change(data)
    return bytes(data)


def set_bytes(at: int, value: bytes) -> Callable[[bytearray], None]:
    return lambda data: data.__setitem__(slice(at, at + len(value)), value)


def twenty_bits(flac: bytes) -> bytes:
    """The same headers for another depth: STREAMINFO, and the first frame with its CRC-8."""
    data, frame = bytearray(flac), flac.index(b"\xff\xf8")
    data[20:22] = (int.from_bytes(flac[20:22]) & ~0x1F0 | 19 << 4).to_bytes(2)
    data[frame + 3] = data[frame + 3] & ~0x0E | 5 << 1
    crc = 0
    for byte in data[frame : frame + 5]:
        crc ^= byte
        for _ in range(8):
            crc = (crc << 1 ^ 0x07) & 0xFF if crc & 0x80 else crc << 1
    data[frame + 5] = crc
    return bytes(data[: frame + 200])


def ogg_damaged(at: float) -> bytes:
    data = bytearray(encoded("OGG", "VORBIS"))
    data[int(at * len(data))] ^= 0x10
    return bytes(data)


def without_middle(data: bytes, share: float) -> bytes:
    half = len(data) // 2
    return data[:half] + data[half + int(share * len(data)) :]


FLAC, MP3, OGG = encoded("FLAC"), encoded("MP3", "MPEG_LAYER_III"), encoded("OGG", "VORBIS")
NOISE = np.random.default_rng(0).bytes(20000)
JUNK = b"JUNK\0\0\0\0"

# what a file is → what must happen: () decodes without complaint, a flag's name, or words of the refusal
FILES: dict[str, tuple[bytes, str | tuple[()]]] = {
    "whole wav": (wave(), ()),
    "trailing junk": (wave() + NOISE[:1000], ()),
    "junk chunks first": (wave(before=JUNK * 5000), ()),
    "odd chunk with pad byte": (wave(before=b"note\3\0\0\0abc\0"), ()),
    "sizes of a pipe": (wave(claimed=2**32 - 1, riff=2**32 - 1), ()),
    "cut wav": (wave()[:5000], "cut-short"),
    "cut inside a sample": (wave()[:5001], "cut-short"),
    "claims four gigabytes": (wave(claimed=2**32 - 16), "cut-short"),
    "crashed recorder": (wave(claimed=0, riff=0), "cut-short"),
    "cut float rf64": (encoded("RF64", "FLOAT")[:9000], "cut-short"),
    "cut w64": (encoded("W64")[:9000], "cut-short"),
    "cut aiff": (encoded("AIFF")[:9000], "cut-short"),
    "cut caf": (encoded("CAF")[:9000], "cannot be decoded"),
    "cut au": (encoded("AU")[:9000], "cut-short"),
    "no frames": (wave(data=b""), "no audio frames"),
    "no sound chunk": (wave()[:36], "no sound chunk"),
    "cut in its format": (wave()[:30], "claims 16 bytes, 10 follow"),
    "chunk past the end": (wave(before=b"LIST" + struct.pack("<I", 2**31)), "claims 2147483648 bytes"),
    "endless chunks": (wave(before=JUNK * 70000), "more than 65536 chunks"),
    "format behind the sound": (b"RIFF\x30\0\0\0WAVEdata\4\0\0\0abcd" + wave()[12:36], "comes after the sound"),
    "seven bits": (wave(bits=7, align=0), "do not fit together"),
    "wrong alignment": (wave(align=3), "do not fit together"),
    "no channels": (wave(channels=0), "0 channels"),
    "too many channels": (wave(channels=65535), "65535 channels"),
    "one hertz": (wave(rate=1), "sample rate of 1 Hz"),
    "absurd rate": (wave(rate=2**32 - 1), "sample rate of 4294967295 Hz"),
    "unknown coding": (wave(tag=0x4242), "cannot be decoded"),
    "tag only": (b"RIFF", "cut inside its RIFF header"),
    "flac checksum": (flac_with(set_bytes(30, b"wrong")), "checksum"),
    "flac under another name": (FLAC, ()),
    "flac behind a tag": (b"ID3\4\0\0\0\0\0\x10" + bytes(16) + FLAC, ()),
    "tag behind flac": (FLAC + b"TAG" + bytes(125), ()),
    "flac of twenty bits": (twenty_bits(FLAC), r"smalti\[media\]"),
    "flac with impossible blocks": (flac_with(set_bytes(8, b"\0\1")), "header-mismatch"),
    "flac with too small a frame size": (flac_with(set_bytes(15, b"\0\0\x10")), "header-mismatch"),
    "flac of fewer samples": (flac_with(set_bytes(22, b"\0\0\x40\0")), "header-mismatch"),
    "flac with too small a block size": (flac_with(set_bytes(8, b"\0\x10\0\x20")), "header-mismatch"),
    "flac that promises more": (flac_with(set_bytes(22, b"\0\1\0\0")), "cut-short"),
    "flac of another rate inside": (flac_with(set_bytes(18, b"\x0a\xc4\x40")), "the header says 44100 Hz"),
    "flac header only": (FLAC[:42], "no audio frames"),
    "cut flac": (FLAC[:9000], "cannot be decoded"),
    "flac metadata past the end": (
        FLAC[:4] + b"\0\0\0\x22" + FLAC[8:42] + b"\4\xff\xff\xff" + FLAC[42:],
        "claims 16777215",
    ),
    "no streaminfo": (FLAC[:4] + b"\x84\0\0\4abcd" + FLAC[42:], "STREAMINFO"),
    "page checksum": (ogg_damaged(0.6), "checksum"),
    "cut ogg": (OGG[: int(0.8 * len(OGG))], "cut-short"),
    "ogg without a page": (without_middle(OGG, 0.2), "damaged"),
    "junk behind ogg": (OGG + b"TAG" + bytes(125), ()),
    "ogg headers only": (OGG[:200], "cannot be decoded"),
    "chained rates": (OGG + encoded("OGG", "VORBIS", rate=22050), "22050 Hz"),
    "chained twins": (OGG + encoded("OGG", "VORBIS"), "chains several streams"),
    "ogg of something else": (b"", "FLAC in Ogg"),
    "cut mp3": (MP3[: len(MP3) // 2], "cut-short"),
    "hole in mp3": (MP3[:4000] + bytes(700) + MP3[4700:], "damaged"),
    "junk before mp3": (bytes(range(256)) * 8 + MP3, ()),
    "tags around mp3": (b"ID3\3\0\0\0\0\0\x0a" + bytes(10) + MP3 + b"TAG" + bytes(125), ()),
    "mp3 of two rates": (MP3 + encoded("MP3", "MPEG_LAYER_III", rate=22050), "change at byte"),
    "noise": (NOISE, "not sound"),
    "nothing": (b"", "empty"),
    "zeros": (bytes(5000), "zero bytes"),
    "lfs pointer": (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n", "Git LFS"),
    "web page": (b"\n<!DOCTYPE html><html>404</html>", "web page"),
    "gzip": (b"\x1f\x8b\x08" + NOISE[:99], "gzip"),
    "picture": (b"\x89PNG\r\n\x1a\n" + NOISE[:99], "PNG"),
    "pickle": (b"\x80\x04\x95" + NOISE[:99], "pickle"),
    "text": ("Größe: 3 m\n".encode() * 50, "plain text"),
    "film": (b"RIFF\0\0\1\0AVI LIST" + NOISE[:99], r"smalti\[media\]"),
    "m4a": (b"\0\0\0\x20ftypM4A " + NOISE[:99], r"smalti\[media\]"),
    "webm": (b"\x1a\x45\xdf\xa3" + NOISE[:99], r"smalti\[media\]"),
    "aac": (b"\xff\xf1\x50\x80" + NOISE[:99], r"smalti\[media\]"),
}


def ogg_page(body: bytes) -> bytes:
    """One page that begins and ends a stream, with the checksum that zlib's mirrored polynomial gives."""
    page = b"OggS\0\6" + bytes(8) + b"abcd" + bytes(4) + bytes(4) + bytes([1, len(body)]) + body
    mirror = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))
    crc = int(f"{zlib.crc32(page.translate(mirror), 2**32 - 1) ^ 2**32 - 1:032b}"[::-1], 2)
    return page[:22] + struct.pack("<I", crc) + page[26:]


FILES["ogg of something else"] = (ogg_page(b"\x7fFLAC\1\0" + bytes(40)), "FLAC in Ogg")


def _decoded(report: FileReport | str, frames: str) -> bool:
    return isinstance(report, FileReport) and report.flags == () and str(report.frames) == frames


def _flagged(report: FileReport | str, *names: str) -> bool:
    return isinstance(report, FileReport) and bool(set(report.flags) & set(names) if names else report.flags)


def _refused(report: FileReport | str, words: str = "") -> bool:
    return isinstance(report, str) and words in report


# what each value of the column `expect` accepts
EXPECT: dict[str, Callable[[FileReport | str, str], bool]] = {
    "decode": _decoded,
    "decode-flag": lambda r, _: _flagged(r),
    "flag": lambda r, _: _flagged(r, "constant", "clipped"),
    "flag-silent": lambda r, _: _flagged(r, "silent"),
    "partial": lambda r, _: _flagged(r, "cut-short"),
    "partial-or-refuse": lambda r, _: _flagged(r) or _refused(r),
    "refuse": lambda r, _: _refused(r),
    "refuse-empty": lambda r, _: _refused(r, "no audio frames"),
    "refuse-or-flag": lambda r, _: _flagged(r) or _refused(r),
    "refuse-or-decode": lambda r, _: isinstance(r, FileReport) or _refused(r),
    "decode-or-hint": lambda r, _: isinstance(r, FileReport) or _refused(r, "smalti[media]"),
    "skip": lambda r, _: _refused(r),
}
