"""How well a melody tokenizer finds melodies by other takes, tempos and keys, beside what needs no learning.

    python benchmarks/melodies.py RUN MELODIES [NOTES]

RUN is what `smalti train wav2tok/music --data MELODIES/train.csv` gave, MELODIES a folder of `smalti melodies`, NOTES a
manifest of single notes. Printed is the mean reciprocal rank (MRR) among the held-out melodies, and of each take of a
note among all others:

index      the tokens, as `smalti evaluate retrieval` scores them
intervals  notes as runs of steady pitch, semitones from each to the next, edit distance
line       the line of pitch less its mean, dynamic time warping
mfcc       MFCC with dynamic time warping
pitch      of single notes: the difference of median pitches
"""

import itertools
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from smalti.audio import read
from smalti.core import Audio
from smalti.data.manifest import Manifest
from smalti.evaluate import dtw_distances, evaluate_ranking
from smalti.features import PitchSettings, mfcc, normalised, pitch_salience, pitch_track, trimmed
from smalti.search import string_distances
from smalti.systems.retrieval import evaluate_index
from smalti.systems.searching import index as index_recordings

KINDS = ("vanilla", "stretched", "shifted")
PITCH = PitchSettings(hop=320)
STEADY, LEAST = 0.7, 6  # semitones that a note's line may leave its median, and its fewest frames
MOVES, STILL = 5, 0.5  # frames over which a steady pitch moves no more semitones than this
SMOOTH = 5  # frames of a running median
EVERY = 4  # frame of MFCC that is compared, 40 ms apart as those of lines are: the others cost minutes

Distance = Callable[[int], Float[np.ndarray, " item"]]


def main(run: Path, melodies: Path, notes: Path | None) -> None:
    torch.set_num_threads(1)
    print(f"{'':12}{'index':>8}{'intervals':>11}{'line':>8}{'mfcc':>8}{'pitch':>8}")
    with TemporaryDirectory() as folder:
        items = melodies / "collection.csv"
        index_recordings(str(run), data=items, to=Path(folder) / "melodies")
        for kind in KINDS:
            report(kind, Path(folder) / "melodies", items, melodies / f"{kind}.csv")
        if notes is not None:
            index_recordings(str(run), data=notes, to=Path(folder) / "notes")
            report("notes", Path(folder) / "notes", notes, notes)


def report(name: str, index: Path, items: Path, queries: Path) -> None:
    own = evaluate_index(index, queries, peers=False).mrr
    found, asked = Manifest.read(items), Manifest.read(queries)
    relevant = np.array(found.labels())[None] == np.array(asked.labels())[:, None]
    same = np.array([[one == other for other in found.paths()] for one in asked.paths()])
    peers = [
        evaluate_ranking(distance, relevant, ~same).mrr
        for distance in distances(found.paths(), asked.paths(), alone=name == "notes")
    ]
    width = [11, 8, 8, 8]
    print(f"{name:12}{own:8.3f}" + "".join(f"{peer:{w}.3f}" for peer, w in zip(peers, width, strict=False)), flush=True)


def distances(items: Sequence[Path], queries: Sequence[Path], *, alone: bool) -> list[Distance]:
    lines, asked = ([line(path) for path in paths] for paths in (items, queries))
    steps, wanted = ([intervals(one) for one in some] for some in (lines, asked))
    curves, curve = ([torch.tensor(one[::2] - one.mean())[:, None] for one in some] for some in (lines, asked))
    frames, frame = ([cepstrum(path) for path in paths] for paths in (items, queries))
    medians = np.array([np.median(one) for one in lines])
    found: list[Distance] = [
        lambda row: string_distances(wanted[row], steps),
        lambda row: dtw_distances(curve[row], curves),
        lambda row: dtw_distances(frame[row], frames),
    ]
    return [*found, lambda row: np.abs(medians - np.median(asked[row]))] if alone else found


def line(path: Path) -> Float[np.ndarray, " frame"]:
    """MIDI numbers of the frames that have a pitch, 50 a second, without short leaps."""
    audio = Audio.batch([read(path, sample_rate=PITCH.sample_rate)])
    track = pitch_track(pitch_salience(audio, PITCH), audio, PITCH)[0].numpy()
    sung = track[~np.isnan(track)]
    padded = np.pad(sung if len(sung) else np.zeros(1), SMOOTH // 2, mode="edge")
    return np.median(np.lib.stride_tricks.sliding_window_view(padded, SMOOTH), axis=1)


def intervals(line: Float[np.ndarray, " frame"]) -> str:
    """A letter for the semitones from each steady note to the next; frames where the pitch moves are left out."""
    still = np.abs(line[MOVES:] - line[:-MOVES]) < STILL
    line = line[MOVES // 2 : len(line) - MOVES + MOVES // 2][still]
    notes: list[float] = []
    begin = 0
    for frame in range(1, len(line) + 1):
        if frame < len(line) and abs(line[frame] - np.median(line[begin:frame])) < STEADY:
            continue
        note = float(np.median(line[begin:frame]))
        if frame - begin >= LEAST and (not notes or abs(note - notes[-1]) >= STEADY):
            notes.append(note)
        begin = frame
    return "".join(chr(200 + round(after - before)) for before, after in itertools.pairwise(notes))


def cepstrum(path: Path) -> Float[Tensor, "frame dim"]:
    samples = trimmed(read(path, sample_rate=16_000).samples[0], 16_000)
    return normalised(mfcc(samples, 16_000))[::EVERY]


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]) if len(sys.argv) > 3 else None)
