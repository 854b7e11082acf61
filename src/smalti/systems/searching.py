"""Index and search by the name of a run: it hears recordings, and the index's copy of it hears queries."""

import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from smalti.audio import blocks
from smalti.core import AcousticTokenizer, Audio, DataError, SoftTokenizer, Tokenizer, Tokens, reasons
from smalti.data.manifest import Manifest
from smalti.search import (
    Entry,
    Hit,
    IndexReport,
    IndexSettings,
    SearchIndex,
    SearchSettings,
    SoftTokens,
    add_to_index,
    remove_from_index,
)
from smalti.search import search as find
from smalti.store import sha256
from smalti.systems.hearing import RunName
from smalti.systems.registry import TOKENIZER, find_run, load_tokenizer, load_tokenizer_of
from smalti.systems.transcoding import recordings, require_one_source
from smalti.transcode import copy_tokenizer
from smalti.transcode.files import Progress, no_progress
from smalti.transcode.streams import encoder_stream

_PLAIN = (str, int, float, bool)


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexedReport:
    """What `index` did.

    Attributes:
        recordings, passages: that the index holds now.
        added, kept, removed: recordings heard now, there already, and taken out.
        failed: path and reason of each that could not be heard.
        audio_seconds: of sound heard now.
        seconds, real_time_factor: taken, and per second of sound.
    """

    recordings: int
    passages: int
    added: int
    kept: int
    removed: int
    failed: tuple[dict[str, str], ...]
    audio_seconds: float
    seconds: float
    real_time_factor: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Hits of one query; `seconds` is what finding took, without hearing."""

    query: str
    hits: list[Hit]
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchReport:
    """What `search` found, query by query; `failed` lists path and reason of those that could not be heard."""

    found: list[Found]
    failed: tuple[dict[str, str], ...]


@torch.no_grad()
def index(
    run: RunName,
    audio: Sequence[str | Path] = (),
    *,
    data: Path | None = None,
    to: Path,
    settings: IndexSettings | None = None,
    progress: Progress = no_progress,
) -> IndexedReport:
    """Put recordings into an index, or what is missing of them: the same command again adds what is new.

    Args:
        run: a tokenizer's run folder or shipped name, maybe with a rate; what hearing a query needs of it is kept.
        audio: recordings.
        data: a manifest of recordings, or a folder of them, in place of `audio`. Its columns are kept.
        to: the index's folder.
        settings: of a new index; None is the default, or what the index has.
        progress: told (recordings done, in all).
    Raises:
        ParameterError: for both or neither of `audio` and `data`, or settings that the index does not have.
        DataError: if none can be read.
        StoreError, SpecError: if run or index cannot be used, as `smalti.search.add_to_index`.
    """
    begin = time.perf_counter()
    require_one_source(audio, data)
    tokenizer, run_folder = load_tokenizer(run), find_run(run)
    manifest, unread = recordings(audio, data)
    entries = list(_entries(manifest))

    def hear(rows: Sequence[int]) -> list[Tokens | SoftTokens | str]:
        copy_tokenizer(run_folder, to)
        return [_heard(tokenizer, Path(entries[row].path)) for row in rows]

    done = add_to_index(to, tokenizer.spec, entries, hear, settings=settings, progress=progress)
    return _report(done, begin=begin, sample_rate=tokenizer.spec.sample_rate, unread=unread)


def remove(audio: Sequence[str | Path], *, to: Path) -> IndexedReport:
    """Take recordings out of an index, by the paths that it holds.

    Raises:
        ParameterError, StoreError: as `smalti.search.remove_from_index`.
    """
    begin = time.perf_counter()
    return _report(remove_from_index(to, [str(path) for path in audio]), begin=begin, sample_rate=1)


def open_index(folder: Path) -> tuple[SearchIndex, Tokenizer]:
    """Open an index with the tokenizer that hears its queries.

    Raises:
        StoreError: if it is no index, unfinished or damaged.
        SpecError: if the tokenizer beside it is another than the index's.
    """
    opened = SearchIndex.open(folder)
    return opened, load_tokenizer_of(folder / TOKENIZER, opened.contents.spec)


@torch.no_grad()
def search(folder: Path, audio: Sequence[str | Path], settings: SearchSettings | None = None) -> SearchReport:
    """Find what is most like each of some recordings.

    Raises:
        DataError: if none can be read.
        ParameterError: if a recording holds no token.
        StoreError, SpecError: as `open_index`.
    """
    opened, tokenizer = open_index(folder)
    found: list[Found] = []
    failed: list[dict[str, str]] = []
    for path in map(str, audio):
        tokens = _heard(tokenizer, Path(path))
        if isinstance(tokens, str):
            failed.append({"path": path, "reason": tokens})
            continue
        begin = time.perf_counter()
        hits = find(opened, tokens, settings)
        found.append(Found(query=path, hits=hits, seconds=time.perf_counter() - begin))
    if not found:
        raise DataError(reasons(failed))
    return SearchReport(found=found, failed=tuple(failed))


def heard(tokenizer: Tokenizer, path: Path) -> Tokens | SoftTokens:
    """The tokens of a recording of any length, block by block where the tokenizer can; a soft one hears the whole.

    Raises:
        DataError: if it cannot be read.
    """
    if isinstance(tokenizer, SoftTokenizer):
        return _believed(tokenizer, path)
    stream, samples = encoder_stream(tokenizer), 0
    codes: list[torch.Tensor] = []
    for block in blocks(path, sample_rate=tokenizer.spec.sample_rate):
        samples += len(block)
        codes.append(stream.push(block))
    codes.append(stream.flush())
    return Tokens(torch.cat(codes, dim=1)[None], tokenizer.spec, torch.tensor([samples]))


def _believed(tokenizer: SoftTokenizer, path: Path) -> SoftTokens:
    """Tokens, what they were chosen by, and what they sound like."""
    spec = tokenizer.spec
    samples = torch.cat([torch.zeros(0), *blocks(path, sample_rate=spec.sample_rate)])
    audio = Audio.single(samples, spec.sample_rate)
    if isinstance(tokenizer, AcousticTokenizer):
        beliefs, acoustics = tokenizer.beliefs_and_acoustics(audio)
    else:
        beliefs, acoustics = tokenizer.log_probabilities(audio), None
    frames = beliefs.frames
    tokens = Tokens(frames.argmax(dim=2)[:, None], spec, torch.tensor([len(samples)]))
    sounds = acoustics.frames[0].numpy() if acoustics and acoustics.frames.shape[2] else None
    return SoftTokens(tokens, frames[0].numpy(), sounds)


def _heard(tokenizer: Tokenizer, path: Path) -> Tokens | SoftTokens | str:
    try:
        return heard(tokenizer, path)
    except DataError as error:
        return str(error)


def _entries(manifest: Manifest) -> Iterator[Entry]:
    """What the index keeps of each row; a file that cannot be read fails when it is heard."""
    for row, facts in enumerate(manifest.table.to_pylist()):
        path, digest = manifest.path(row), ""
        with suppress(OSError):
            digest = sha256(path)
        label = facts.pop("label", None)
        known: dict[str, Any] = {name: value for name, value in facts.items() if isinstance(value, _PLAIN)}
        del known["path"]
        yield Entry(str(path), label, digest, known)


def _report(
    done: IndexReport, *, begin: float, sample_rate: int, unread: tuple[dict[str, str], ...] = ()
) -> IndexedReport:
    sound, seconds = done.samples / sample_rate, time.perf_counter() - begin
    failed = tuple({"path": path, "reason": reason} for path, reason in done.failed)
    return IndexedReport(
        recordings=done.recordings,
        passages=done.passages,
        added=done.added,
        kept=done.kept,
        removed=done.removed,
        failed=(*unread, *failed),
        audio_seconds=sound,
        seconds=seconds,
        real_time_factor=seconds / sound if sound else 0.0,
    )
