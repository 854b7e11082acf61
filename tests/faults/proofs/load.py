"""Rows L1 and L3: a million clips in a manifest, ten thousand in one run."""

import os
import random
import time
from itertools import pairwise
from pathlib import Path

import numpy as np
import soundfile

from faults.measuring import Growth, alone, open_files
from faults.rows import Plant, figure
from smalti.audio import reading
from smalti.core import Audio, Tokens
from smalti.data import tables
from smalti.data.batches import choose_clips
from smalti.data.manifest import Manifest
from smalti.systems import load_codec
from smalti.transcode import encode_store

_LABELS, _EVERY = 50, 256  # clips between two looks at a run: a shard


def prove_l1(folder: Path, *, rows: int = 1_000_000) -> None:
    """Open, shuffle and take the first batch of a manifest; look up 10,000 rows."""
    folder.mkdir(exist_ok=True)
    for name, count in (("small.csv", rows // 50), ("large.csv", rows)):
        _write_manifest(folder / name, count)
    found = alone(lambda: _opened(folder), folder / "L1")
    measured = f"open {found['open']:.1f} s of CPU, +{found['mib']:.0f} MB, look-ups {found['looks']:.2f} s"
    assert found["open"] <= 10 and found["mib"] <= 100 and found["looks"] <= 2, measured
    figure("L1", measured)


def _write_manifest(path: Path, rows: int) -> None:
    with path.open("w") as file:
        file.write("path,seconds,sample_rate,channels,label,split,rate\n")
        for row in range(rows):
            label, split = row % _LABELS, "test" if row % 10 == 0 else "train"
            file.write(f"sounds/class{label:02d}/recording-{row:07d}.wav,{1 + row % 97 / 10:.1f},44100,1,")
            file.write(f"class{label:02d},{split},{row % 1000 / 7:.3f}\n")


def _opened(folder: Path) -> dict[str, float]:
    Manifest.read(folder / "small.csv").select([1])  # what is loaded at first use is no growth
    growth, begin = Growth(), time.process_time()
    manifest = Manifest.read(folder / "large.csv")
    chosen = choose_clips(0, 0, batch=8, clips=manifest.rows).numpy()
    batch = manifest.select(chosen)
    between = time.process_time()
    wanted = [folder / f"sounds/class{row % _LABELS:02d}/recording-{row:07d}.wav" for row in chosen.tolist()]
    assert batch.paths() == wanted
    generator = random.Random(0)
    for row in (generator.randrange(manifest.rows) for _ in range(10_000)):
        assert f"{row:07d}" in manifest.path(row).name
    return {"open": between - begin, "looks": time.process_time() - between, "mib": growth.mib}


def prove_l3(folder: Path, *, clips: int = 10_000) -> None:
    """Encode many clips into one store, and look at the process whenever a shard is done."""
    found = alone(lambda: _tokenised(folder, clips), folder / "L3")
    looks = found["looks"]
    middle = next(look for look in looks if look["done"] >= clips / 5)
    growth = looks[-1]["mib"] - middle["mib"]
    spent = [after["cpu"] - before["cpu"] for before, after in pairwise(looks)]
    slower = min(spent[-4:-1]) / min(spent[:3])  # the last shard may be a short one
    measured = f"{found['open']} open files, {growth:+.0f} MB, the last {slower:.2f} × the first"
    assert found["open"] <= 64 and growth <= 50 and slower <= 1.2, measured
    figure("L3", measured)


def _tokenised(folder: Path, clips: int) -> dict[str, object]:
    manifest, codec, begin = _many(folder / "clips", clips), _Counting(), Growth()
    looks: list[dict[str, float]] = []

    def look(done: int, total: int) -> None:
        looks.append({"done": done, "mib": begin.now, "cpu": time.process_time()})

    report = encode_store(codec, manifest, folder / "store", progress=look)
    assert report.files == clips and not report.failed
    return {"looks": looks, "open": codec.most_open}


def _many(folder: Path, clips: int) -> Manifest:
    """Twenty recordings under as many names as are wanted."""
    folder.mkdir(parents=True)
    generator = np.random.default_rng(0)
    for clip in range(clips):
        if clip < 20:
            soundfile.write(folder / f"{clip:05d}.wav", generator.normal(0, 0.1, 800 + 40 * clip), 16_000)
        else:
            os.link(folder / f"{clip % 20:05d}.wav", folder / f"{clip:05d}.wav")
    seconds = [(800 + 40 * (clip % 20)) / 16_000 for clip in range(clips)]
    return Manifest.from_rows([{"path": f"{row:05d}.wav", "seconds": seconds[row]} for row in range(clips)], folder)


class _Counting:
    """The mu-law codec, which notes how many files are open while it works."""

    def __init__(self) -> None:
        self._codec = load_codec("mulaw")
        self.spec, self.most_open = self._codec.spec, 0

    def encode(self, audio: Audio) -> Tokens:
        self.most_open = max(self.most_open, open_files())
        return self._codec.encode(audio)


def _never_close(monkeypatch) -> None:
    kept = []
    monkeypatch.setattr(reading.AudioFile, "__exit__", lambda self, *error: kept.append(self))


PLANTS = [
    Plant(
        "L1",
        "the file behind a large table",
        lambda monkeypatch: monkeypatch.setattr(tables, "_IN_MEMORY", 2**40),
        prove_l1,
        slow=True,
    ),
    Plant(
        "L1",
        "taking rows batch by batch",
        lambda monkeypatch: monkeypatch.setattr("smalti.data.manifest._taken", lambda table, rows: table.take(rows)),
        prove_l1,
        slow=True,
    ),
    Plant("L3", "the closing of recordings", _never_close, lambda folder: prove_l3(folder, clips=2000)),
]
