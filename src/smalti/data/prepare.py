"""From a pile of recordings to a manifest: every file read to its end, the bad ones listed once with their reason."""

import json
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from smalti.audio import FileReport, inspect, shown
from smalti.core import DataError, ParameterError, nearest
from smalti.data.corpora import CORPORA, LABELS, NOTES, Row
from smalti.data.corpora.listed import holds_labelled_manifest
from smalti.data.given_codes import holds_codes, inspect_codes
from smalti.data.given_pictures import PUBLISHED, read_cut_picture
from smalti.data.log_mel_corpus import MATPAC, inspect_log_mel, write_list, write_log_mels
from smalti.data.manifest import SCHEMA, TRACKS, Manifest, write_tracks
from smalti.data.moving import Moving, moving, still, with_what_moves
from smalti.data.picture_corpus import write_pictures
from smalti.data.settled import settle, settle_notes, write_schema
from smalti.data.sidecars import read_sidecar
from smalti.data.split import HELD_OUT, LEARNT, hold_out
from smalti.features import MEL_PRESETS, is_log_mel, is_picture
from smalti.store import read_json, write_bytes

_FEATURES = (PUBLISHED, MATPAC)
_SHEETS = "syntex"  # whose classes and ranges a schema settles
_WINDOW = 64  # files in hand per worker
_COLUMNS = ("path", "seconds", "sample_rate", "channels", "label", "split", "fold", "flags")


@dataclass(frozen=True, slots=True, kw_only=True)
class PrepareReport:
    """What preparing found.

    Attributes:
        files: recordings that can be used.
        failed: `path` and `reason` of each that cannot, in order of path.
        flagged: `path` and `flags` (names of `smalti.audio.FLAGS`) of each usable one with something odd.
        audio_seconds: duration of all usable ones together.
        seconds: that it took.
        manifest: where the manifest lies.
        too_many_bad: whether more failed than allowed; then nothing was written.
        notes: `path` and `reason` of what was odd in lists and was taken as meant.
    """

    files: int
    failed: tuple[dict[str, str], ...]
    flagged: tuple[dict[str, Any], ...]
    audio_seconds: float
    seconds: float
    manifest: Path
    too_many_bad: bool
    notes: tuple[dict[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PrepareChoices:
    """What else is to be done while preparing.

    Attributes:
        features: "specvqgan" or "matpac"; the recordings' pictures are written, and it is they that the manifest lists.
            Beside those of matpac lies `train.tsv`, as fairseq reads it.
        features_to: folder of these.
        hold_out: share of the recordings of each label that are kept out of training, in whole groups.
        group: column of these groups; None as of `smalti.data.hold_out`.
        seed: of the choice.
        validation: sources whose recordings are all kept out of training; the others are all learnt from.
    """

    features: str | None = None
    features_to: Path = Path()
    hold_out: float | None = None
    group: str | None = None
    seed: int = 0
    validation: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True)
class Survey:
    """What reading a corpus showed.

    Attributes:
        good: rows of the recordings that can be used.
        failed: `path` and `reason` of each that cannot.
        root: what relative paths start from.
    """

    good: tuple[Row, ...]
    failed: tuple[dict[str, str], ...]
    root: Path


def prepare(
    source: Path | Sequence[Path],
    manifest: Path,
    *,
    corpus: str | None = None,
    workers: int = 1,
    max_bad: float = 0.1,
    choices: PrepareChoices | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> PrepareReport:
    """Read every recording of one corpus or several to its end and write one manifest of those that can be used.

    Several become one table: columns that one of them lacks are empty there, and what is held out is of all together.

    Of a corpus whose lists name all its classes, these are written into `schema.json` beside the manifest; where there
    is a sheet, or something is kept out, so are the parameters' ranges (`smalti.data.settled`).

    Args:
        source: a folder, or the list file of a corpus that is a list; or several of them.
        manifest: .csv or .parquet to write; its paths are relative to its own folder, or absolute if outside of it.
        corpus: a name in `CORPORA`; None takes a labelled manifest in the folder if there is one, else folders.
        workers: files read at once.
        max_bad: largest share of recordings that may fail, 0…1; if more do, no manifest is written.
        choices: what else is to be done.
        progress: told (files done, files in all).
    Raises:
        ParameterError: for an unknown corpus or impossible numbers.
        DataError: if there are no recordings, the corpus's list cannot be read, or two sources hold the same recording.
        StoreError: if the manifest cannot be written.
    """
    begin, choices = time.perf_counter(), choices or PrepareChoices()
    learnt = [source] if isinstance(source, Path) else [*source]
    sources = [*learnt, *choices.validation]
    _require_choices(choices, sources)
    parts = _surveys(sources, corpus=corpus, workers=workers, max_bad=max_bad, progress=progress)
    roots = [part.root for part in parts]
    parts = [Survey(tuple(with_what_moves(part.good, part.root)), part.failed, part.root) for part in parts]
    if choices.features is not None:
        parts = [
            _drawn(part, _own_folder(choices.features_to, sources, part), choices.features, workers, progress)
            for part in parts
        ]
    if choices.validation:
        parts = [_placed(part, "train" if place < len(learnt) else HELD_OUT) for place, part in enumerate(parts)]
    good = [row for part in parts for row in part.good]
    failed = [one for part in parts for one in part.failed]
    too_many_bad = not good or len(failed) > max_bad * (len(good) + len(failed))
    names = [label for one in learnt for label in LABELS[corpus](one)] if corpus in LABELS else []
    notes = [_note(one, note) for one in sources for note in NOTES[corpus](one)] if corpus in NOTES else []
    if not too_many_bad:
        found = _joined(parts, manifest.parent)
        if choices.hold_out is not None:
            found = hold_out(found, choices.hold_out, group=choices.group, seed=choices.seed)
        all_moving = moving(found.seen_from(manifest.parent), good)
        told = len(sources) == 1 and (all_moving.sidecars or _is_declared(sources[0], corpus))
        if corpus == _SHEETS or choices.validation or told:
            odd = _settle(all_moving, roots[: len(learnt)], names, manifest.parent / SCHEMA)
            notes += [_note(manifest, note) for note in odd]
        elif names:
            _name_labels(manifest.parent / SCHEMA, list(dict.fromkeys(names)))
        if all_moving.sidecars:
            write_tracks(manifest.parent / TRACKS, all_moving.tracks())
        all_moving.manifest.write(manifest)
        if choices.features == MATPAC:
            write_list(found, choices.features_to)
    return PrepareReport(
        files=len(good),
        failed=tuple(failed),
        flagged=tuple({"path": row["path"], "flags": row["flags"].split()} for row in good if row["flags"]),
        audio_seconds=sum(row["seconds"] for row in good),
        seconds=time.perf_counter() - begin,
        manifest=manifest,
        too_many_bad=too_many_bad,
        notes=tuple(notes),
    )


def survey(
    source: Path,
    *,
    corpus: str | None = None,
    workers: int = 1,
    max_bad: float = 1.0,
    progress: Callable[[int, int], None] | None = None,
) -> Survey:
    """Read every recording of a corpus to its end. Arguments and errors as of `prepare`."""
    return _surveys([source], corpus=corpus, workers=workers, max_bad=max_bad, progress=progress)[0]


def _surveys(
    sources: Sequence[Path],
    *,
    corpus: str | None,
    workers: int,
    max_bad: float,
    progress: Callable[[int, int], None] | None,
) -> list[Survey]:
    """Each corpus surveyed; where there are several, failures are named with their source, and recordings know it."""
    if not sources:
        raise ParameterError("found no source, wanted one at least; name a folder that holds recordings")
    listed = [_rows(source, corpus, workers=workers, max_bad=max_bad) for source in sources]
    total, done, found = sum(len(rows) for rows in listed), 0, list[Survey]()
    for source, rows in zip(sources, listed, strict=True):
        root = source if source.is_dir() else source.parent
        good: list[Row] = []
        failed: list[dict[str, str]] = []
        for row, outcome in zip(rows, _inspected(root, rows, workers), strict=True):
            if isinstance(outcome, FileReport):
                good.append(_measured(row, outcome))
            else:
                path = str(row["path"] if len(sources) == 1 else root / row["path"])
                failed.append({"path": path, "reason": outcome})
            done += 1
            if progress is not None:
                progress(done, total)
        if len(sources) > 1:
            good = [{"set": root.resolve().name} | row for row in good]
        found.append(Survey(tuple(good), tuple(failed), root))
    return found


def _drawn(part: Survey, to: Path, preset: str, workers: int, progress: Callable[[int, int], None] | None) -> Survey:
    """The pictures of a corpus in place of its recordings."""
    rows = list(part.good)
    if preset == MATPAC:
        good, undrawn = write_log_mels(rows, part.root, to, workers=workers, progress=progress)
    else:
        good, undrawn = write_pictures(rows, part.root, to, preset, workers=workers, progress=progress)
    return Survey(tuple(good), (*part.failed, *undrawn), to)


def _placed(part: Survey, split: str) -> Survey:
    return Survey(tuple(row | {"split": split} for row in part.good), part.failed, part.root)


def _note(path: Path, note: str) -> dict[str, str]:
    return {"path": str(path), "reason": note}


def _settle(moving: Moving, roots: Sequence[Path], labels: Sequence[str], path: Path) -> list[str]:
    """Hold all recordings against what those learnt from, or the schema.json of their only source, say; write that."""
    found = moving.manifest
    declared = roots[0] if len(roots) == 1 and (roots[0] / SCHEMA).is_file() else path.parent
    texts = found.table["split"].to_pylist() if "split" in found.table.column_names else [None] * found.rows
    learnt = np.array([split in LEARNT for split in texts])
    training = Manifest(found.select(learnt).table, declared)
    held_out = None if learnt.all() else Manifest(found.select(~learnt).table, declared)
    schema = settle(training, held_out, labels=labels, moving=moving.ranges(np.flatnonzero(learnt).tolist()))
    moving.require(schema)
    write_schema(path, schema)
    return [] if held_out is None else list(settle_notes(training, held_out, schema))


def _is_declared(source: Path, corpus: str | None) -> bool:
    """Whether it is a folder whose own manifest comes with ranges; those beside other recordings are not of all."""
    listed = corpus == "manifest" or (corpus is None and holds_labelled_manifest(source))
    return listed and (source / SCHEMA).is_file()


def _require_choices(choices: PrepareChoices, sources: Sequence[Path]) -> None:
    if choices.validation and choices.hold_out is not None:
        raise ParameterError("found a share to hold out and sources that are; give one or the other")
    if choices.features is None:
        return
    if choices.features not in _FEATURES:
        raise ParameterError(f"found features {choices.features!r}; {nearest(choices.features, _FEATURES)}")
    to = choices.features_to.resolve()
    if any(source.is_dir() and to.is_relative_to(source.resolve()) for source in sources):
        raise ParameterError(f"{shown(to)} lies within the recordings, where it would be found; choose another folder")


def _own_folder(to: Path, sources: Sequence[Path], part: Survey) -> Path:
    """Where the pictures of a corpus go: beside those of others, for their recordings may have the same names."""
    if len(sources) == 1:
        return to
    names = [(source if source.is_dir() else source.parent).resolve().name for source in sources]
    if len(set(names)) < len(names):
        raise ParameterError(
            f"found sources named {', '.join(names)}, whose pictures need folders of their own; rename"
        )
    return to / part.root.resolve().name


def _joined(parts: Sequence[Survey], folder: Path) -> Manifest:
    """One manifest of all corpora; several as seen from the folder it will lie in."""
    manifests = [Manifest.from_rows(still(part.good), part.root) for part in parts]
    return manifests[0] if len(manifests) == 1 else Manifest.joined(manifests, folder)


def _name_labels(path: Path, labels: list[str]) -> None:
    """Keep all classes of a corpus, so that each has its number wherever some are missing."""
    known = read_json(path) if path.is_file() else {}
    write_bytes(path, (json.dumps({**known, "labels": labels}, indent=2, ensure_ascii=False) + "\n").encode())


def _rows(source: Path, corpus: str | None, *, workers: int, max_bad: float) -> list[Row]:
    """The corpus's rows, each path once, in order of path."""
    if corpus is not None and corpus not in CORPORA:
        raise ParameterError(f"corpus {corpus!r} is unknown; {nearest(corpus, CORPORA)}")
    if workers < 1 or not 0 <= max_bad <= 1:
        raise ParameterError(f"workers={workers}, max_bad={max_bad:g}; give at least 1 worker and a share in 0…1")
    if not source.exists():
        raise DataError(
            f"{shown(source)}: is not there; name a folder that holds recordings, or a list of them that is"
        )
    try:
        read = CORPORA[corpus or ("manifest" if holds_labelled_manifest(source) else "folders")]
        rows = {(path := str(PurePosixPath(row["path"]))): row | {"path": path} for row in reversed(read(source))}
    except (OSError, LookupError, ValueError, TypeError, AttributeError) as error:
        raise DataError(f"{shown(source)}: is not laid out like {corpus} ({error!r}); name another corpus") from error
    if not rows:
        raise DataError(
            f"{shown(source)}: holds no recordings (links to folders are not followed); name another folder"
        )
    return [rows[path] for path in sorted(rows)]


def _inspected(root: Path, rows: list[Row], workers: int) -> Iterator[FileReport | str]:
    """For every row what reading its file showed, or the reason why it cannot be used; a window of rows at a time."""
    inside = root.resolve()
    with ThreadPoolExecutor(workers) as pool:
        for first in range(0, len(rows), _WINDOW * workers):
            window = rows[first : first + _WINDOW * workers]
            yield from pool.map(partial(_outcome, root, inside), [str(row["path"]) for row in window])


def _outcome(root: Path, inside: Path, name: str) -> FileReport | str:
    path = root / name
    try:
        name.encode()
        if not Path(name).is_absolute() and not path.resolve().is_relative_to(inside):
            return "leads out of the folder (a link or ..), which is not followed; copy it into the folder"
        report = _inspector(path)(path)
        read_sidecar(path, seconds=report.seconds)
        return report
    except UnicodeEncodeError:
        return "its name is not valid UTF-8, so no table can hold it; rename it"
    except (OSError, RuntimeError, ValueError) as error:
        return f"its name cannot be followed ({error}); rename it"
    except DataError as error:
        return str(error).removeprefix(f"{shown(path)}: ")


def _inspector(path: Path) -> Callable[[Path], FileReport]:
    if holds_codes(path):
        return inspect_codes
    return _inspect_picture if is_picture(path) else inspect_log_mel if is_log_mel(path) else inspect


def _inspect_picture(path: Path) -> FileReport:
    """Facts about a published picture, in those of the sound that it stands for."""
    picture = MEL_PRESETS[PUBLISHED]
    samples = read_cut_picture(path, picture).shape[1] * picture.hop
    return FileReport(
        path=path,
        seconds=samples / picture.sample_rate,
        sample_rate=picture.sample_rate,
        channels=1,
        frames=samples,
        format="NPY/mel",
        flags=(),
    )


def _measured(row: Row, report: FileReport) -> Row:
    found = {
        "seconds": report.seconds,
        "sample_rate": report.sample_rate,
        "channels": report.channels,
        "flags": " ".join(report.flags),
    }
    known = row | found
    return {name: known.get(name) for name in _COLUMNS} | known
