"""Rows L1 to L3: a million clips in a manifest, an hour in one file, ten thousand clips in one run."""

import os
import random
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import soundfile
import torch

from faults.measuring import Growth, alone, most_memory, open_files
from faults.rows import Plant, figure
from journey import Journey
from smalti.audio import AudioWriter, reading
from smalti.core import Audio, Tokens
from smalti.data import tables
from smalti.data.batches import choose_clips
from smalti.data.manifest import Manifest
from smalti.store import read_smt
from smalti.systems import load_codec
from smalti.systems.scores import score_codec
from smalti.transcode import decode_file, encode_file, encode_store

_LABELS = 50


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


def prove_l2(name: str, run: Path, folder: Path, *, minutes: tuple[int, int] = (10, 60)) -> None:
    """Encode, decode and evaluate a long recording and a longer one that begins like it."""
    found = []
    for length in minutes:
        path = folder / f"{length}.wav"
        _write_sound(path, length)
        found.append(alone(lambda path=path: _long(run, path), folder / f"L2-{length}", longest=60 * (10 + length)))
    short, long = (read_smt(folder / f"{length}.smt").codes[0] for length in minutes)
    second = short.shape[1] // (60 * minutes[0])  # the last one has heard the silence behind the shorter file
    settled = short.shape[1] - second
    assert torch.equal(short[:, :settled], long[:, :settled]), "a longer file begins with other tokens"
    peaks = [max(one["growth"].values()) for one in found]
    totals = [one["most"] for one in found]
    measured = f"{name}: {minutes[0]} min +{peaks[0]:.0f} MB, {minutes[1]} min +{peaks[1]:.0f} MB"
    assert max(peaks) <= 300 and totals[1] <= 1.1 * totals[0], f"{measured}, in all {totals} MB; {found}"
    assert found[1]["written early"], "nothing was written before the end"
    figure("L2", f"{measured} over the model; {settled} tokens equal")


def _long(run: Path, path: Path) -> dict[str, Any]:
    codec, tokens, to = load_codec(run), path.with_suffix(".smt"), path.with_suffix(".out.wav")
    _write_sound(path.with_suffix(".warm.wav"), 0.2)
    sizes: list[int] = []

    def look(done: int, total: int) -> None:
        sizes.append(sum(one.stat().st_size for one in path.parent.glob(".smalti-*.tmp")))

    def work(path: Path, tokens: Path, to: Path) -> dict[str, Callable[[], object]]:
        one = Manifest.from_rows([{"path": path.name}], path.parent)
        one.write(path.with_suffix(".csv"))
        return {
            "encode": lambda: encode_file(codec, path, tokens),
            "decode": lambda: decode_file(codec, tokens, to, progress=look),
            "evaluate": lambda: score_codec(run, path.with_suffix(".csv")),
        }

    warm = path.with_suffix(".warm.wav")
    for step in work(warm, warm.with_suffix(".smt"), warm.with_suffix(".out.wav")).values():
        step()
    sizes.clear()
    growth, most = dict[str, float](), list[float]()
    for name, step in work(path, tokens, to).items():
        begin = Growth()
        step()
        growth[name] = begin.mib
        most.append(most_memory())
    return {"growth": growth, "most": max(most), "written early": any(sizes)}


def _write_sound(path: Path, minutes: float) -> None:
    """Bursts of noise at 44.1 kHz, block by block; a shorter file is the beginning of a longer one."""
    noise = torch.randn(10 * 44_100, generator=torch.Generator().manual_seed(0)) * 0.1
    with AudioWriter(path, 44_100) as writer:
        for block in range(max(1, round(minutes * 6))):
            writer.push(noise.roll(997 * block) * (0.2 + 0.8 * (block * 7 % 11) / 11))


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


def _prove_l2_briefly(journey: Journey) -> None:
    with TemporaryDirectory() as folder:
        prove_l2("dac", journey.dac, Path(folder), minutes=(1, 12))


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
    Plant(
        "L2",
        "hearing 20 s at a time",
        lambda monkeypatch: monkeypatch.setattr("smalti.systems.sources._PIECE_SECONDS", 10**6),
        _prove_l2_briefly,
        given="journey",
        slow=True,
    ),
    Plant("L3", "the closing of recordings", _never_close, lambda folder: prove_l3(folder, clips=2000), slow=True),
]
