"""Melodies joined from takes of notes, and the same melodies asked for: other takes, another tempo, another key.

Whole takes follow each other. Takes that queries are sung with are in no melody of the collection. Another tempo or key
is given to the finished query by a phase vocoder (`smalti.features.stretch`): all of it lasts longer, or all of it
moves, formants too.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from smalti.audio import write
from smalti.core import Audio, ParameterError
from smalti.data.batches import mix, step_generator
from smalti.data.manifest import Manifest
from smalti.data.notes import Note, read_notes
from smalti.features import shift_pitch, stretch

KINDS = ("vanilla", "stretched", "shifted")
"""Of queries: other takes only; these at 0.8…1.25 times the tempo; these -5…6 semitones away."""

_SLOWEST, _FASTEST = 0.8, 1.25
_LOWEST, _HIGHEST = -5, 6
_VALID = 0.15  # of the melodies that are learnt from: kept aside while learning
_NEAR = 4.0  # semitones in which a step becomes e times less likely
_FADE_SECONDS = 0.01
_PEAK = 0.99
_TRIES = 1000  # at a melody that is not there yet
_SINGING = 1  # so that takes are drawn apart from tunes


@dataclass(frozen=True, slots=True, kw_only=True)
class MelodyChoices:
    """Which melodies.

    Attributes:
        count: different ones; no two are the same in another key, or but for repeated notes.
        notes: fewest and most of each.
        queries: of each kind for each melody.
        hold_out: share of the melodies that are for testing, 0…1.
        sample_rate: Hz.
        seed: of everything.
    """

    count: int = 100
    notes: tuple[int, int] = (5, 12)
    queries: int = 1
    hold_out: float = 0.5
    sample_rate: int = 16_000
    seed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class MelodiesReport:
    """What was made.

    Attributes:
        files: recordings written.
        failed: `path` and `reason` of each recording that is no take of a note.
        left_out: notes with a single take, which no query could sing otherwise.
        notes: the others.
        melodies: different ones.
        audio_seconds: duration of all files.
        seconds: that it took.
        manifest: where the manifest lies.
    """

    files: int
    failed: tuple[dict[str, str], ...]
    left_out: tuple[str, ...]
    notes: int
    melodies: int
    audio_seconds: float
    seconds: float
    manifest: Path


@dataclass(frozen=True, slots=True)
class _Voices:
    """A note with its takes apart: those of the collection, and those of queries."""

    note: Note
    collection: Sequence[Float[Tensor, " _"]]
    query: Sequence[Float[Tensor, " _"]]


def melodies(
    source: Path,
    to: Path,
    *,
    choices: MelodyChoices | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> MelodiesReport:
    """Write melodies as FLAC files with their manifests; equal arguments, equal bytes.

    `manifest.csv` lists all, label being the melody. Of it, `train.csv` is what may be learnt from (splits train and
    valid), and single notes, whose label is the note, as a melody tokenizer is to tell them apart as well; of the
    melodies for testing `collection.csv` is what is searched, and `vanilla.csv`, `stretched.csv` and `shifted.csv` are
    what is asked. Files of the same names are replaced, `manifest.csv` last.

    Args:
        source: labelled takes of notes; see `smalti.data.notes.read_notes`.
        to: folder.
        choices: which.
        progress: told (melodies done, melodies in all).
    Raises:
        ParameterError: for numbers that cannot be, too few notes of several takes, or more melodies than these have.
        DataError: if the source cannot be read.
        StoreError: if there is no space left.
    """
    begin, choices = time.perf_counter(), choices or MelodyChoices()
    _require(choices)
    notes, failed = read_notes(source, sample_rate=choices.sample_rate)
    voices = _parted([note for note in notes if len(note.takes) > 1], choices.seed)
    rows: list[dict[str, Any]] = []
    for melody, tune in enumerate(_tunes([voice.note.semitone for voice in voices], choices)):
        rows += _write_melody(to, melody, [voices[place] for place in tune], choices)
        if progress is not None:
            progress(melody + 1, choices.count)
    rows += [row for voice in voices for row in _write_note(to, voice.note, choices)]
    _write_manifests(to, rows)
    return MelodiesReport(
        files=len(rows),
        failed=tuple(failed),
        left_out=tuple(note.name for note in notes if len(note.takes) == 1),
        notes=len(voices),
        melodies=choices.count,
        audio_seconds=sum(row["seconds"] for row in rows),
        seconds=time.perf_counter() - begin,
        manifest=to / "manifest.csv",
    )


def _require(choices: MelodyChoices) -> None:
    fewest, most = choices.notes
    if choices.count < 1 or choices.queries < 0 or not 2 <= fewest <= most or not 0 <= choices.hold_out <= 1:
        raise ParameterError(
            f"found {choices.count} melodies of {fewest}…{most} notes, {choices.queries} queries, hold-out "
            f"{choices.hold_out:g}; give at least 1 melody of 2 notes, 0 queries and a share in 0…1"
        )


def _parted(notes: Sequence[Note], seed: int) -> list[_Voices]:
    """Half of each note's takes for the collection, rounded up, the others for queries."""
    if len({note.semitone for note in notes}) < 2:
        raise ParameterError(
            f"found {len(notes)} notes of two takes or more, wanted 2 of different pitch at least; record more takes"
        )
    found: list[_Voices] = []
    for place, note in enumerate(notes):
        order = torch.randperm(len(note.takes), generator=step_generator(seed, place)).tolist()
        takes = [note.takes[take] for take in order]
        half = (len(takes) + 1) // 2
        found.append(_Voices(note, takes[:half], takes[half:]))
    return found


def _tunes(semitones: Sequence[int], choices: MelodyChoices) -> list[list[int]]:
    """Places of the notes of each melody; near notes follow each other more often than far ones."""
    generator = torch.Generator().manual_seed(choices.seed)
    pitches = torch.tensor(semitones, dtype=torch.float64)
    chances = torch.exp(-(pitches[:, None] - pitches).abs() / _NEAR)
    known: set[tuple[int, ...]] = set()
    found: list[list[int]] = []
    missed = 0
    while missed < _TRIES:
        tune = _walk(chances, choices.notes, generator)
        steps = (semitones[after] - semitones[before] for before, after in pairwise(tune))
        moves = tuple(step for step in steps if step)
        missed = missed + 1 if moves in known or not moves else 0
        if not missed:
            known.add(moves)
            found.append(tune)
        if len(found) == choices.count:
            return found
    raise ParameterError(f"found {len(found)} different melodies of these notes, wanted {choices.count}; ask for fewer")


def _walk(chances: Float[Tensor, "before after"], notes: tuple[int, int], generator: torch.Generator) -> list[int]:
    length = int(torch.randint(notes[0], notes[1] + 1, (), generator=generator))
    tune = [int(torch.randint(len(chances), (), generator=generator))]
    while len(tune) < length:
        tune.append(int(torch.multinomial(chances[tune[-1]], 1, generator=generator)))
    return tune


def _write_melody(to: Path, melody: int, tune: Sequence[_Voices], choices: MelodyChoices) -> list[dict[str, Any]]:
    """One melody for the collection and its queries; their rows."""
    generator = step_generator(mix(choices.seed, _SINGING), melody)
    semitones = [voice.note.semitone for voice in tune]
    known = {
        "label": f"m{melody:05d}",
        "melody": " ".join(f"{b - a:+d}" for a, b in pairwise(semitones)),
        "notes": " ".join(voice.note.name for voice in tune),
        "split": _split(melody, choices),
    }
    sung = _joined([voice.collection for voice in tune], choices.sample_rate, generator)
    rows = [_saved(to, f"collection/{known['label']}.flac", sung) | known | _told("collection", 0, 1.0)]
    for number in range(choices.queries):
        for kind in KINDS:
            sung = _joined([voice.query for voice in tune], choices.sample_rate, generator)
            shift, tempo = _changes(kind, generator)
            changed = shift_pitch(sung, [shift]) if shift else stretch(sung, [tempo]) if tempo != 1 else sung
            name = f"query/{known['label']}-{kind}-{number}.flac"
            rows.append(_saved(to, name, changed) | known | _told(kind, shift, tempo))
    return rows


def _write_note(to: Path, note: Note, choices: MelodyChoices) -> list[dict[str, Any]]:
    """Every take of a note alone."""
    known = {"label": note.name, "melody": "", "notes": note.name, "split": "train"}
    return [
        _saved(to, f"note/{note.semitone}-{take}.flac", Audio.single(samples, choices.sample_rate))
        | known
        | _told("note", 0, 1.0)
        for take, samples in enumerate(note.takes)
    ]


def _changes(kind: str, generator: torch.Generator) -> tuple[int, float]:
    """Semitones and tempo of a query; what is drawn does not depend on the kind."""
    chance = float(torch.rand((), generator=generator, dtype=torch.float64))
    shifts = [shift for shift in range(_LOWEST, _HIGHEST + 1) if shift]
    tempo = _SLOWEST * (_FASTEST / _SLOWEST) ** chance
    return (shifts[int(chance * len(shifts))] if kind == "shifted" else 0), (tempo if kind == "stretched" else 1.0)


def _told(kind: str, shift: int, tempo: float) -> dict[str, Any]:
    return {"kind": kind, "transposition": shift, "tempo": tempo}


def _split(melody: int, choices: MelodyChoices) -> str:
    learnt = choices.count - round(choices.count * choices.hold_out)
    if melody >= learnt:
        return "test"
    return "valid" if melody >= learnt - round(learnt * _VALID) else "train"


def _joined(voices: Sequence[Sequence[Float[Tensor, " _"]]], sample_rate: int, generator: torch.Generator) -> Audio:
    """A take of each, one after the other, each rising from and falling to silence."""
    fade = round(_FADE_SECONDS * sample_rate)
    parts: list[Tensor] = []
    for takes in voices:
        take = takes[int(torch.randint(len(takes), (), generator=generator))].clone()
        ramp = torch.linspace(0, 1, min(fade, len(take)))
        take[: len(ramp)] *= ramp
        take[len(take) - len(ramp) :] *= ramp.flip(0)
        parts.append(take)
    return Audio.single(torch.cat(parts), sample_rate)


def _saved(to: Path, name: str, audio: Audio) -> dict[str, Any]:
    path = to / name
    path.parent.mkdir(parents=True, exist_ok=True)
    peak = float(audio.samples.abs().max())
    write(path, Audio.single(audio.samples[0] * min(_PEAK / max(peak, 1e-9), 1.0), audio.sample_rate))
    return {"path": name, "seconds": audio.seconds, "sample_rate": audio.sample_rate, "channels": 1}


def _write_manifests(to: Path, rows: Sequence[dict[str, Any]]) -> None:
    asked = {"train": [row for row in rows if row["split"] != "test"]}
    asked |= {
        kind: [row for row in rows if row["split"] == "test" and row["kind"] == kind] for kind in ("collection", *KINDS)
    }
    for name, chosen in asked.items():
        (to / f"{name}.csv").unlink(missing_ok=True)
        if chosen:
            Manifest.from_rows(chosen, to).write(to / f"{name}.csv")
    Manifest.from_rows(rows, to).write(to / "manifest.csv")
