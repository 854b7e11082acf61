"""Where in an hour is a spoken phrase? An index of one long recording, asked with takes of other sessions.

    python benchmarks/spoken_terms.py RUN MANIFEST [SECONDS]

RUN is what `smalti train wav2tok/speech` gave; MANIFEST lists short recordings of phrases, with a label and the session
of each, that RUN has not learnt from. Of every phrase each second session speaks in the hour, again and again in random
order, each take at a level of its own, with pink noise everywhere and one to four seconds of nothing else between two
of them; the other sessions ask. A hit is right if a take of the phrase that was asked begins within a quarter of a
second of it; a take begins where it first comes within 25 dB of its loudest.

    right        share of queries whose first hit is right
    label        share whose first hit lies on a take of the phrase, wherever it begins
    among five   share with a right one among the first five
    chance       what a hit at a random place would give
"""

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from smalti.audio import read, write
from smalti.core import Audio
from smalti.data.manifest import Manifest
from smalti.search import Hit, SearchSettings, search
from smalti.systems.searching import heard, index, open_index

RATE = 16_000
NEAR = 0.25  # seconds
LEVELS_DB, NOISE_DB, GAPS = (-12.0, 0.0), -45.0, (1.0, 4.0)
LOUD_DB, STEP = 25.0, 160


@dataclass(frozen=True, slots=True)
class Spoken:
    """A take in the long recording: its label, and where its sound begins and ends, in seconds."""

    label: str
    start: float
    end: float


def main(run: str, manifest: Path, seconds: float) -> None:
    torch.set_num_threads(1)
    clips = Manifest.read(manifest)
    speaking, asking = sides(clips)
    with TemporaryDirectory() as folder:
        hour, place = Path(folder) / "hour.flac", Path(folder) / "index"
        sound, takes = spoken(clips.select(speaking), seconds)
        write(hour, Audio.single(sound, RATE))
        begin = time.process_time()
        report = index(run, [hour], to=place)
        spent = time.process_time() - begin
        print(f"indexed {report.audio_seconds:.0f} s, {report.passages} passages, at {seconds / spent:.0f} x real time")
        score(place, clips.select(asking), takes, seconds)


def sides(clips: Manifest) -> tuple[list[int], list[int]]:
    """Rows that speak and rows that ask: of every phrase, each second session."""
    pairs = list(zip(clips.labels(), clips.table["session"].to_pylist(), strict=True))
    turns = {label: sorted({session for other, session in pairs if other == label}) for label, _ in pairs}
    speaks = [turns[label].index(session) % 2 == 0 for label, session in pairs]
    return [i for i, one in enumerate(speaks) if one], [i for i, one in enumerate(speaks) if not one]


def spoken(clips: Manifest, seconds: float) -> tuple[Float[Tensor, " sample"], list[Spoken]]:
    """The long recording and what is said in it."""
    generator = np.random.default_rng(0)
    sound = pink(round(seconds * RATE), generator)
    voices = [
        (label, read(path, sample_rate=RATE).samples[0])
        for label, path in zip(clips.labels(), clips.paths(), strict=True)
    ]
    takes: list[Spoken] = []
    at = round(generator.uniform(*GAPS) * RATE)
    while True:
        label, voice = voices[generator.integers(len(voices))]
        if at + len(voice) > len(sound):
            return sound * 0.5, takes
        sound[at : at + len(voice)] += voice / voice.abs().max() * 10 ** (generator.uniform(*LEVELS_DB) / 20)
        first, last = ends(voice)
        takes.append(Spoken(label or "", (at + first) / RATE, (at + last) / RATE))
        at += len(voice) + round(generator.uniform(*GAPS) * RATE)


def pink(samples: int, generator: np.random.Generator) -> Float[Tensor, " sample"]:
    """Noise of equal power in every octave, NOISE_DB below full scale."""
    spectrum = np.fft.rfft(generator.standard_normal(samples))
    spectrum /= np.sqrt(np.maximum(np.arange(len(spectrum)), len(spectrum) / 400))
    noise = np.fft.irfft(spectrum, samples)
    return torch.from_numpy(noise / noise.std() * 10 ** (NOISE_DB / 20)).float()


def ends(voice: Float[Tensor, " sample"]) -> tuple[int, int]:
    """Samples at which a take's sound begins and ends."""
    power = voice[: len(voice) // STEP * STEP].unflatten(0, (-1, STEP)).square().mean(1)
    loud = (power >= power.max() * 10 ** (-LOUD_DB / 10)).nonzero()[:, 0]
    return int(loud[0]) * STEP, (int(loud[-1]) + 1) * STEP


def score(place: Path, queries: Manifest, takes: Sequence[Spoken], seconds: float) -> None:
    searched, tokenizer = open_index(place)
    right, named, among, spent, hearing = 0, 0, 0, 0.0, 0.0
    for path, label in zip(queries.paths(), queries.labels(), strict=True):
        begin = time.process_time()
        tokens = heard(tokenizer, path)
        middle = time.process_time()
        hits = search(searched, tokens, SearchSettings(top=5))
        spent, hearing = spent + time.process_time() - middle, hearing + middle - begin
        wanted = [take for take in takes if take.label == label]
        right += begins(hits[0], wanted)
        among += any(begins(hit, wanted) for hit in hits)
        named += any(hit.start < take.end and take.start < hit.end for take in wanted for hit in hits[:1])
    count = queries.rows
    chance = np.mean([sum(take.label == label for take in takes) * 2 * NEAR / seconds for label in queries.labels()])
    print(f"{count} queries of {len(set(queries.labels()))} phrases among {len(takes)} takes")
    print(f"right {right / count:.3f}  label {named / count:.3f}  among five {among / count:.3f}  chance {chance:.3f}")
    print(f"a query: {1000 * spent / count:.1f} ms to search, {1000 * hearing / count:.1f} ms to hear")


def begins(hit: Hit, takes: Sequence[Spoken]) -> bool:
    """Whether one of the takes begins where the hit does."""
    return any(abs(hit.start - take.start) <= NEAR for take in takes)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), float(sys.argv[3]) if len(sys.argv) > 3 else 3600.0)
