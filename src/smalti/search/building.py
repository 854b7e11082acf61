"""Putting recordings into an index and taking them out: whole at any moment, whatever kills the process.

Recordings are heard group by group into `staged/`; when all are heard, segments are made of them and index.json names
these. Until then the index answers as before. A command that goes on after a kill hears only what is not yet staged and
makes the same segments.
"""

import logging
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from smalti.core import ParameterError, StoreError, Tokens, TokenSpec
from smalti.search.contents import (
    INDEX,
    SEGMENTS,
    STAGED,
    TOKENIZER,
    Contents,
    IndexSettings,
    Segment,
    damage_of,
    is_index,
    load_contents,
    save_contents,
)
from smalti.search.entries import Entry, Heard
from smalti.search.holds import sounding_alone
from smalti.search.likeness import moments
from smalti.search.passage_files import PASSAGES, POSTERIORS, RECORDINGS, SOUNDS, read_passages
from smalti.search.passages import Passages
from smalti.search.posteriors import SoftTokens, quantised
from smalti.search.segments import MOST_PASSAGES, segment_name, write_segment
from smalti.search.staging import read_staged, stage
from smalti.search.strings import collapse, require_codebook
from smalti.store import clean_temps, lock

_log = logging.getLogger(__name__)
_MOST_SMALL = 8  # segments that are not full, before they are made one
_TRUTH = (RECORDINGS, PASSAGES, POSTERIORS, SOUNDS)

Hear = Callable[[Sequence[int]], Sequence[Tokens | SoftTokens | str]]


@dataclass(frozen=True, slots=True)
class IndexReport:
    """What was done to an index.

    Attributes:
        recordings, passages: that it holds now.
        added, kept, removed: recordings that were heard now, were there already, and are gone.
        failed: path and reason of each that could not be heard.
        samples: heard now, at the tokenizer's rate.
    """

    recordings: int
    passages: int
    added: int
    kept: int
    removed: int
    failed: tuple[tuple[str, str], ...]
    samples: int


def add_to_index(
    folder: Path,
    spec: TokenSpec,
    entries: Sequence[Entry],
    hear: Hear,
    *,
    settings: IndexSettings | None = None,
    group: int = 64,
    progress: Callable[[int, int], None] | None = None,
) -> IndexReport:
    """Put recordings into an index, which is made if it is not there; what it holds already is not heard again.

    A recording of a known path but other bytes, label or facts takes the place of the old one.

    Args:
        spec: of the tokens.
        entries: the recordings, each path once.
        hear: given rows of `entries`, returns for each its tokens (a batch of one, of a soft tokenizer with their
            probabilities), or in words why it has none.
        settings: of a new index; None leaves them as they are.
        group: recordings heard between two writes: what a kill can cost.
        progress: told (recordings done, in all).
    Raises:
        SpecError: if the index is of another tokenizer's tokens; nothing is heard then.
        ParameterError: if the settings differ from the index's own, or a path is given twice.
        StoreError: if the folder holds something else, another process writes to it, or there is no space left.
    """
    settings = _fitting(folder, spec, settings)
    _refuse_repeats(entries)
    with lock(folder):
        contents = _mended(folder, spec, settings)
        parts = [*read_staged(folder, spec, settings), *(_passages(folder, one) for one in contents.segments)]
        known = {key for part in parts for key in part.keys}
        rows = [row for row, entry in enumerate(entries) if entry.key not in known]
        failed: list[tuple[str, str]] = []
        samples, kept = 0, len(entries) - len(rows)
        for first in range(0, len(rows), group):
            some = {row: entries[row] for row in rows[first : first + group]}
            samples += _hear(folder, contents, some, hear, failed)
            if progress is not None:
                progress(kept + first + len(some), len(entries))
        contents = _with_staged(folder, contents)
    return _report(contents, added=len(rows) - len(failed), kept=kept, failed=failed, samples=samples)


def remove_from_index(folder: Path, paths: Sequence[str]) -> IndexReport:
    """Take recordings out of an index.

    Raises:
        ParameterError: if it holds none of a name; nothing is changed then.
        StoreError: if it is no index, is damaged, or another process writes to it.
    """
    with lock(folder):
        before = load_contents(folder)
        problems = [said for segment in before.segments for said in damage_of(folder, segment)]
        if problems:
            raise StoreError(f"{problems[0]}; repair the index by adding its recordings again")
        known = {path for segment in before.segments for path in _passages(folder, segment).paths}
        unknown = [path for path in paths if path not in known]
        if unknown:
            raise ParameterError(f"{folder} holds no recording {unknown[0]!r}; name it as it was when it was indexed")
        contents = _saved(folder, before, _without(folder, before, set(paths)))
    return _report(contents, removed=len(set(paths)))


def _hear(
    folder: Path, contents: Contents, some: Mapping[int, Entry], hear: Hear, failed: list[tuple[str, str]]
) -> int:
    """Stage a group of recordings; samples heard."""
    spec, settings = contents.spec, contents.settings
    found = hear(list(some))
    if len(found) != len(some):
        raise ParameterError(f"{len(found)} results for {len(some)} recordings; give one each")
    pairs = list(zip(some.values(), found, strict=True))
    failed += [(entry.path, one) for entry, one in pairs if isinstance(one, str)]
    heard = [_string(entry, one, spec, settings) for entry, one in pairs if not isinstance(one, str)]
    if heard:
        stage(folder, spec, settings, heard)
    return sum(round(one.seconds * spec.sample_rate) for one in heard)


def _string(entry: Entry, sound: Tokens | SoftTokens, spec: TokenSpec, settings: IndexSettings) -> Heard:
    soft = isinstance(sound, SoftTokens)
    tokens = sound.tokens if soft else sound
    spec.require(tokens.spec, f"the tokens of {entry.path}")
    string, seconds = collapse(tokens, codebook=settings.codebook)[0], int(tokens.lengths[0]) / spec.sample_rate
    if not soft or not settings.soft:
        return Heard(entry, string, seconds)
    posteriors = quantised(sound.log_probabilities)
    if sound.acoustics is None:
        return Heard(entry, string, seconds, posteriors)
    return Heard(entry, string, seconds, posteriors, moments(sound.acoustics[sounding_alone(posteriors)]))


def _with_staged(folder: Path, contents: Contents) -> Contents:
    """The index with all that is staged in it and that it does not have, as it may after a kill."""
    staged = read_staged(folder, contents.spec, contents.settings)
    segments = list(contents.segments)
    known = {key for segment in segments for key in _passages(folder, segment).keys}
    new = Passages.joined(staged).latest() if staged else None
    if new is not None and not known.issuperset(new.keys):
        new = new.where(np.array([key not in known for key in new.keys], bool)).sorted()
        segments = _without(folder, contents, set(new.paths)) + _segments(folder, contents, new)
    return _saved(folder, contents, segments)


def _saved(folder: Path, contents: Contents, segments: list[Segment]) -> Contents:
    """Name these segments as the index, the small ones of them made one if they are many; then forget the others."""
    small = [one for one in segments if one.passages < MOST_PASSAGES // 2]
    if len(small) > _MOST_SMALL:
        parts = Passages.joined([_passages(folder, one) for one in small]).sorted()
        segments = [one for one in segments if one not in small] + _segments(folder, contents, parts)
    new = Contents(contents.spec, contents.settings, tuple(segments))
    (folder / SEGMENTS).mkdir(exist_ok=True)
    save_contents(folder, new)
    shutil.rmtree(folder / STAGED, ignore_errors=True)
    names = {one.name for one in segments}
    for path in (folder / SEGMENTS).glob("[!.]*"):
        if path.name not in names:
            shutil.rmtree(path, ignore_errors=True)
    return new


def _segments(folder: Path, contents: Contents, passages: Passages) -> list[Segment]:
    """Segments of these passages. One that the index has already is taken as it is: others may be reading it."""
    there = {one.name: one for one in contents.segments}
    spec, settings = contents.spec, contents.settings
    parts = passages.split(MOST_PASSAGES)
    return [
        there.get(segment_name(part)) or write_segment(folder, part, spec=spec, settings=settings) for part in parts
    ]


def _without(folder: Path, contents: Contents, paths: set[str]) -> list[Segment]:
    """The segments without some recordings; those that hold none of them stay as they are."""
    kept: list[Segment] = []
    for segment in contents.segments:
        passages = _passages(folder, segment)
        stays = np.array([path not in paths for path in passages.paths], bool)
        if stays.all():
            kept.append(segment)
        elif stays.any():
            kept += _segments(folder, contents, passages.where(stays))
    return kept


def _mended(folder: Path, spec: TokenSpec, settings: IndexSettings) -> Contents:
    """What is there and whole; a damaged text index is made again, damaged passages are given up, to be heard again."""
    for place in (folder, folder / SEGMENTS, folder / STAGED):
        clean_temps(place)
    if not (folder / INDEX).exists():
        return Contents(spec, settings, ())
    contents = load_contents(folder)
    segments: list[Segment] = []
    for segment in contents.segments:
        problems = damage_of(folder, segment)
        lost = [said for said in problems if any(name in said for name in _TRUTH)]
        for said in problems:
            _log.warning("%s; %s", said, "its recordings are heard again if given" if lost else "it is made again")
        if not problems:
            segments.append(segment)
        elif not lost:
            segments += _segments(folder, replace(contents, segments=()), _passages(folder, segment))
    return Contents(contents.spec, contents.settings, tuple(segments))


def _passages(folder: Path, segment: Segment) -> Passages:
    try:
        return read_passages(folder / SEGMENTS / segment.name)
    except OSError as error:
        raise StoreError(
            f"{folder / SEGMENTS / segment.name} cannot be read: {error}; run the same command again"
        ) from None


def _fitting(folder: Path, spec: TokenSpec, settings: IndexSettings | None) -> IndexSettings:
    """Settings of the index that is there, or is to be made; refuses what does not fit before anything is heard."""
    if (folder / INDEX).exists():
        found = load_contents(folder)
        spec.require(found.spec, f"the tokens already in {folder}")
        if settings not in (None, found.settings):
            raise ParameterError(f"{folder} has {found.settings}, asked for {settings}; choose a new folder for others")
        return found.settings
    others = [path for path in sorted(folder.glob("[!.]*")) if path.name != TOKENIZER and not is_index(folder)]
    if others:
        raise StoreError(f"{folder} holds something else than an index ({others[0].name}); choose a new folder")
    chosen = settings or IndexSettings()
    require_codebook(spec.codebooks, spec.vocab, chosen.codebook)
    return chosen


def _refuse_repeats(entries: Sequence[Entry]) -> None:
    paths = [entry.path for entry in entries]
    if len(set(paths)) < len(paths):
        twice = next(path for path in paths if paths.count(path) > 1)
        raise ParameterError(f"{twice} is given twice; an index holds a recording once")


def _report(
    contents: Contents,
    *,
    added: int = 0,
    kept: int = 0,
    removed: int = 0,
    failed: Sequence[tuple[str, str]] = (),
    samples: int = 0,
) -> IndexReport:
    return IndexReport(
        recordings=sum(one.recordings for one in contents.segments),
        passages=sum(one.passages for one in contents.segments),
        added=added,
        kept=kept,
        removed=removed,
        failed=tuple(failed),
        samples=samples,
    )
