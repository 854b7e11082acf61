"""Encode and decode by the name of a run: one recording in blocks, or many clips in a store."""

from collections.abc import Sequence
from pathlib import Path

from smalti.audio import inspect
from smalti.core import DataError, ParameterError, reasons
from smalti.data.manifest import Manifest
from smalti.data.prepare import survey
from smalti.store import TokenStore
from smalti.systems.hearing import RunName
from smalti.systems.registry import find_run, load_codec, load_tokenizer
from smalti.transcode import (
    DacReport,
    TranscodeReport,
    decode_dac,
    decode_file,
    decode_store,
    encode_dac,
    encode_file,
    encode_store,
)
from smalti.transcode.files import Progress, no_progress

_TOKEN_FILE, _DAC_FILE = ".smt", ".dac"


def encode(
    run: RunName,
    audio: Sequence[str | Path] = (),
    *,
    data: Path | None = None,
    to: Path,
    shifts: int = 1,
    window: float | None = None,
    progress: Progress = no_progress,
) -> TranscodeReport | DacReport:
    """Encode one recording to a .smt or .dac file, or any number of them to a token store.

    Args:
        run: a tokenizer's run folder or shipped name, maybe with a rate.
        audio: recordings.
        data: a manifest of recordings, or a folder of them, in place of `audio`.
        to: where it ends in .smt or .dac a file, else a store.
        shifts: tokenisations of each clip of a store, as of `smalti.transcode.encode_store`.
        window: seconds of a chunk of a .dac file, as of `smalti.transcode.encode_dac`.
        progress: told (done, all).
    Raises:
        ParameterError: for both or neither of `audio` and `data`, several recordings for one file, or a window of
            anything but a .dac file.
        DataError: if none can be read.
        StoreError, SpecError: if run or target cannot be used.
    """
    require_one_source(audio, data)
    if window is not None and to.suffix != _DAC_FILE:
        raise ParameterError(f"found a window of {window} s for {to}, only .dac files have chunks; leave it out")
    codec = load_tokenizer(run)
    if to.suffix in (_TOKEN_FILE, _DAC_FILE):
        if len(audio) != 1:
            raise ParameterError(f"{to} holds one recording; give one, or a folder to --to")
        if to.suffix == _DAC_FILE:
            return encode_dac(codec, Path(audio[0]), to, window=window, progress=progress)
        return encode_file(codec, Path(audio[0]), to, progress=progress)
    manifest, failed = recordings(audio, data)
    report = encode_store(codec, manifest, to, shifts=shifts, run=find_run(run), progress=progress)
    return report.with_failed(failed)


def decode(run: RunName, tokens: Path, *, to: Path, progress: Progress = no_progress) -> TranscodeReport | DacReport:
    """Decode a .smt or .dac file to a recording, or every clip of a token store to a folder of .wav files.

    A codec of several rates decodes at that of the tokens.

    Args:
        run: the codec's run folder or shipped name, maybe with a vocoder.
        tokens: what `encode` wrote, or a .dac file from elsewhere.
        to: a file whose suffix names the format; for a store a folder.
        progress: told (done, all).
    Raises:
        SpecError: if the tokens are another codec's; nothing is written then.
        StoreError: if run, tokens or target cannot be used.
    """
    codec = load_codec(run)
    if tokens.is_dir():
        return decode_store(codec, TokenStore.open(tokens), to, progress=progress)
    if tokens.suffix == _DAC_FILE:
        return decode_dac(codec, tokens, to, progress=progress)
    return decode_file(codec, tokens, to, progress=progress)


def require_one_source(audio: Sequence[str | Path], data: Path | None) -> None:
    """Refuse both, or neither, of recordings by name and a manifest.

    Raises:
        ParameterError: saying what was found.
    """
    if bool(audio) == (data is not None):
        raise ParameterError(
            f"found {len(audio)} recordings and {'a' if data else 'no'} manifest; give one or the other"
        )


def recordings(audio: Sequence[str | Path], data: Path | None) -> tuple[Manifest, tuple[dict[str, str], ...]]:
    """A manifest of recordings given by name, in a table or in a plain folder; and those that cannot be read.

    Raises:
        DataError: if none can be read.
    """
    return _listed(audio) if data is None else _surveyed(data)


def _surveyed(data: Path) -> tuple[Manifest, tuple[dict[str, str], ...]]:
    """A manifest, or what a plain folder holds, and those files of it that cannot be read."""
    if not data.is_dir() or any((data / name).is_file() for name in ("manifest.csv", "manifest.parquet")):
        return Manifest.read(data), ()
    found = survey(data)
    if not found.good:
        raise DataError(f"{data}: holds no recording that can be read; {found.failed[0]['reason']}")
    return Manifest.from_rows(found.good, found.root), found.failed


def _listed(audio: Sequence[str | Path]) -> tuple[Manifest, tuple[dict[str, str], ...]]:
    """A manifest of recordings given by name, and those that cannot be read."""
    rows: list[dict[str, str | float | int]] = []
    failed: list[dict[str, str]] = []
    for path in dict.fromkeys(str(one) for one in audio):
        try:
            found = inspect(path)
            rows.append({"path": path, "seconds": found.seconds, "sample_rate": found.sample_rate})
        except DataError as error:
            failed.append({"path": path, "reason": str(error)})
    if not rows:
        raise DataError(reasons(failed))
    return Manifest.from_rows(rows, Path()), tuple(failed)
