"""Sung or played notes, several takes of each: what melodies are joined from.

Which note a label means is heard, for not all collections count octaves alike; the label has a say in its letter.
"""

import re
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from smalti.audio import read, shown
from smalti.core import DataError
from smalti.data.corpora.folders import folders
from smalti.data.corpora.listed import holds_labelled_manifest
from smalti.data.manifest import Manifest
from smalti.features import trimmed
from smalti.features.pitch import PitchSettings, pitch_salience, pitch_track

_LETTERS = {"c": 0, "d": 2, "e": 4, "f": 5, "g": 7, "a": 9, "b": 11}
_NAME = re.compile(r"([A-Ga-g])([#sb♯♭]?)-?\d*")
_FARTHEST = 1.0  # semitones that a take may sound beside its note
_PITCH = PitchSettings()


@dataclass(frozen=True, slots=True)
class Note:
    """One note.

    Attributes:
        name: its label.
        semitone: MIDI number as heard, 69 is 440 Hz.
        takes: recordings of it, without their quiet ends.
    """

    name: str
    semitone: int
    takes: tuple[Float[Tensor, " _"], ...]


def read_notes(source: Path, *, sample_rate: int) -> tuple[list[Note], list[dict[str, str]]]:
    """The notes of a labelled manifest, or of a folder with one or with a folder for each note; from low to high.

    Args:
        source: a manifest or folder; labels are names such as A#3, or anything that is the same for all takes.
        sample_rate: of the takes, Hz.
    Returns:
        The notes, and `path` and `reason` of each recording that is none.
    Raises:
        DataError: if the source cannot be read.
    """
    manifest, failed = _manifest(source), list[dict[str, str]]()
    heard: defaultdict[str, list[tuple[str, float, Tensor]]] = defaultdict(list)
    for row, label in enumerate(manifest.labels()):
        path = manifest.path(row)
        try:
            found = _take(path, label, sample_rate)
        except DataError as error:
            failed.append({"path": str(path), "reason": str(error).removeprefix(f"{shown(path)}: ")})
            continue
        heard[str(label)].append((str(path), *found))
    notes: list[Note] = []
    for name, takes in heard.items():
        semitone = _semitone(name, float(torch.tensor([pitch for _, pitch, _ in takes]).median()))
        beside = [(path, pitch - semitone) for path, pitch, _ in takes if abs(pitch - semitone) > _FARTHEST]
        failed += [{"path": path, "reason": f"sounds {far:+.1f} semitones beside {name}"} for path, far in beside]
        kept = tuple(sound for _, pitch, sound in takes if abs(pitch - semitone) <= _FARTHEST)
        notes += [Note(name, semitone, kept)] if kept else []
    return sorted(notes, key=lambda note: (note.semitone, note.name)), failed


def _manifest(source: Path) -> Manifest:
    if source.is_dir() and not holds_labelled_manifest(source):
        return Manifest.from_rows(folders(source), source)
    return Manifest.read(source)


def _take(path: Path, label: str | None, sample_rate: int) -> tuple[float, Tensor]:
    """Median pitch and sound of a take."""
    if not label:
        raise DataError("has no label, so nobody knows which note it is; label it")
    heard = read(path, sample_rate=_PITCH.sample_rate)
    line = pitch_track(pitch_salience(heard, _PITCH), heard, _PITCH)
    if line.isnan().all():
        raise DataError("has no pitch that can be heard; leave it out")
    return float(line.nanmedian()), trimmed(read(path, sample_rate=sample_rate).samples[0], sample_rate)


def _semitone(name: str, pitch: float) -> int:
    """The MIDI number nearest to a pitch that is called so; the nearest of all if the name is no note's."""
    spelt = _NAME.fullmatch(name)
    if spelt is None:
        return round(pitch)
    letter, sign = spelt.groups()
    number = _LETTERS[letter.lower()] + {"": 0, "b": -1, "♭": -1}.get(sign, 1)
    return number + 12 * round((pitch - number) / 12)
