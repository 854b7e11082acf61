"""What a file is, by its first bytes and never by its name; what is no sound is refused in its own words."""

from pathlib import Path

from smalti.core import DataError

HEAD_BYTES = 4096
MEDIA_HINT = "decoding it needs the optional decoder: pip install 'smalti[media]'"

_SUFFIXES = frozenset(
    (
        *(".wav", ".wave", ".bwf", ".rf64", ".w64", ".aif", ".aiff", ".aifc", ".au", ".snd", ".caf", ".flac", ".ogg"),
        *(".oga", ".opus", ".mp3", ".mp2", ".mp1", ".mpga"),
        *(".m4a", ".mp4", ".m4b", ".mov", ".aac", ".webm", ".mka", ".mkv", ".wma", ".wv", ".ape", ".amr", ".3gp"),
    )
)
_SOUND = {
    b"fLaC": "flac",
    b"OggS": "ogg",
    b"caff": "caf",
    b".snd": "au",
    b"dns.": "au",
    b"riff\x2e\x91\xcf\x11": "w64",
}
_MEDIA = {
    b"\x1a\x45\xdf\xa3": "Matroska or WebM",
    b"\x30\x26\xb2\x75": "Windows Media",
    b"wvpk": "WavPack",
    b"MAC ": "Monkey's Audio",
    b"TTA1": "True Audio",
    b"DSD ": "DSD",
    b"FRM8": "DSD",
    b"NIST_1A": "NIST Sphere",
    b"#!AMR": "AMR",
    b"FLV\x01": "Flash video",
}
_OTHER = {
    b"version https://git-lfs": "a Git LFS pointer, not the file it points to; run `git lfs pull`",
    b"\x1f\x8b": "gzip-compressed; unpack it first",
    b"PK\x03\x04": "a zip archive; unpack it first",
    b"BZh": "bzip2-compressed; unpack it first",
    b"\xfd7zXZ": "xz-compressed; unpack it first",
    b"\x28\xb5\x2f\xfd": "zstd-compressed; unpack it first",
    b"7z\xbc\xaf": "a 7-zip archive; unpack it first",
    b"\x89PNG": "a PNG picture",
    b"\xff\xd8\xff": "a JPEG picture",
    b"GIF8": "a GIF picture",
    b"%PDF": "a PDF document",
    b"MThd": "a MIDI file, which holds notes and no sound",
    b"\x93NUMPY": "a NumPy array",
    b"\x89HDF": "an HDF5 file",
    b"\x7fELF": "a program",
    b"SQLite": "a database",
}


def sniff(head: bytes) -> str:
    """Name the container of a file from its first bytes.

    Returns:
        "wav", "rf64", "w64", "aiff", "au", "caf", "flac", "ogg"; "media" for what only the optional decoder reads;
        "mpeg" for what may be MPEG audio and has to be searched for frames.
    Raises:
        DataError: if it is something else, saying what.
    """
    if not head:
        raise DataError("is empty (0 bytes)")
    if (form := head[:4]) in (b"RIFF", b"RIFX", b"RF64", b"BW64", b"FORM"):
        return _form(form, head[8:12])
    for magic, name in _SOUND.items():
        if head.startswith(magic):
            return name
    if media_name(head):
        return "media"
    _refuse_other(head)
    return "mpeg"


def is_recording(path: Path) -> bool:
    """Whether a file should be tried as a recording: by its suffix or, if that says nothing, by its first bytes."""
    if path.suffix.lower() in _SUFFIXES:
        return True
    try:
        if not path.is_file():
            return False
        with path.open("rb") as file:
            return sniff(file.read(HEAD_BYTES)) not in ("media", "mpeg")
    except (OSError, ValueError, DataError):
        return False


def media_name(head: bytes) -> str | None:
    """What only the optional decoder reads, by name; None if it is not that."""
    if head[4:8] == b"ftyp":
        return "MP4, M4A or QuickTime"
    if head[:4] == b"RIFF" and head[8:12] == b"AVI ":
        return "AVI"
    if len(head) > 2 and head[0] == 0xFF and head[1] & 0xF6 == 0xF0 and head[1] & 0xF8 != 0xF8:
        return "AAC"
    return next((name for magic, name in _MEDIA.items() if head.startswith(magic)), None)


def _form(form: bytes, kind: bytes) -> str:
    if form == b"FORM" and kind in (b"AIFF", b"AIFC"):
        return "aiff"
    if form != b"FORM" and kind == b"WAVE":
        return "wav" if form in (b"RIFF", b"RIFX") else "rf64"
    if form == b"RIFF" and kind == b"AVI ":
        return "media"
    if len(kind) < 4:
        raise DataError(f"is cut inside its {form.decode()} header")
    raise DataError(
        f"is a {form.decode()} file of kind {ascii(kind)[1:]}, which smalti does not read; convert it to WAV or FLAC"
    )


def _refuse_other(head: bytes) -> None:
    for magic, what in _OTHER.items():
        if head.startswith(magic):
            raise DataError(f"is {what}")
    if head[:1] == b"\x80" and head[1:2] in b"\x02\x03\x04\x05":
        raise DataError("is a Python pickle, which smalti never opens")
    if not head.strip(b"\0"):
        raise DataError("holds only zero bytes")
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if text.startswith((b"<!doctype", b"<html", b"<?xml")):
        raise DataError("is a web page, not sound (a failed download?); download it again")
    if _is_text(head):
        raise DataError("is plain text, not sound")


def _is_text(head: bytes) -> bool:
    try:
        text = head.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.start < len(head) - 3:
            return False
        text = head[: error.start].decode("utf-8")
    return all(c.isprintable() or c in "\t\r\n\f" for c in text)
