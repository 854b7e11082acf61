"""Rows F3, F4 and F8: stores that are killed, folders that two processes want, corpora with bad recordings."""

import os
import random
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import soundfile
import torch

from faults import tiny_recipe
from faults.damage import files_of, temps_of
from faults.kills import dies, ended, forked
from faults.rows import Plant, figure
from smalti.audio import reading
from smalti.cli import run
from smalti.core import StoreError, Tokens, TokenSpec
from smalti.data.manifest import Manifest
from smalti.data.prepare import prepare
from smalti.search import Entry, add_to_index
from smalti.store import TokenStore, lock, shards, write_store
from smalti.systems.show import verify
from smalti.systems.transcoding import encode

_SPEC = TokenSpec(sample_rate=8000, hop=3, codebooks=2, vocab=50, tokenizer="a" * 64)
_MOMENTS = 90  # at which the disk is dealt with while a store of two shards is written


def prove_f3(folder: Path, *, clips: int = 500, kills: int = 20) -> None:
    """Encode recordings to a store, killed again and again: by turns at a random time and within a write."""
    manifest = _recordings(folder / "clips", clips)
    begin = time.monotonic()
    assert ended(forked(lambda: _encode(manifest, folder / "whole"))) == 0
    length, generator, died, stores = time.monotonic() - begin, random.Random(0), 0, 0
    wanted = files_of(folder / "whole")
    while died < kills:
        store = folder / f"store{stores}"
        if died % 2:
            killed = _killed_after(lambda to=store: _encode(manifest, to), generator.uniform(0, 1.2 * length))
        else:
            killed = dies(lambda to=store: _encode(manifest, to), generator.randrange(_MOMENTS))
        died += killed
        if not killed:
            _same_store(store, wanted)
            stores += 1
    _encode(manifest, folder / f"store{stores}")
    _same_store(folder / f"store{stores}", wanted)
    figure("F3", f"{died} kills, {stores + 1} stores of {clips} clips, all equal byte for byte")


def _same_store(store: Path, wanted: dict[str, bytes]) -> None:
    assert files_of(store) == wanted and temps_of(store) == [], sorted(files_of(store))
    assert verify(store) == []


def _encode(manifest: Path, to: Path) -> None:
    encode("mulaw", data=manifest, to=to)


def _recordings(folder: Path, clips: int, *, shortest: int = 300) -> Path:
    """Recordings of twenty lengths and their manifest."""
    folder.mkdir(parents=True)
    generator, rows = np.random.default_rng(0), []
    for clip in range(clips):
        samples = shortest + 40 * (clip % 20)
        soundfile.write(folder / f"{clip:03d}.wav", generator.normal(0, 0.1, samples), 16_000)
        rows.append({"path": f"{clip:03d}.wav", "seconds": samples / 16_000})
    Manifest.from_rows(rows, folder).write(folder / "manifest.csv")
    return folder / "manifest.csv"


def _killed_after(work: Callable[[], object], seconds: float) -> bool:
    """Whether a process that does some work was still at it after so long; then it is killed."""
    child = forked(work)
    limit = time.monotonic() + seconds
    while os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
        if time.monotonic() >= limit:
            os.killpg(child, signal.SIGKILL)
            break
        time.sleep(0.002)
    code = ended(child)
    assert code in (0, -signal.SIGKILL), f"the process ended with {code}"
    return code != 0


def prove_f4(folder: Path) -> None:
    """Of two processes that want one folder the second is refused; when the first is killed, it takes over."""
    slowest = 0.0
    for name, work in (("run", _train), ("store", _store), ("index", _index)):
        place, slow = folder / name, folder / "slow"
        slow.touch()
        first = forked(lambda work=work, place=place: work(place))
        _await_begin(place)
        begin = time.monotonic()
        with pytest.raises(StoreError, match=f"in use by process {first} "):
            work(place)
        slowest = max(slowest, time.monotonic() - begin)
        os.kill(first, signal.SIGKILL)
        ended(first)
        slow.unlink()
        assert (place / ".lock").exists(), "the dead process has left no lock; the rest proves nothing"
        work(place)
        assert verify(place) == [] and not (place / ".lock").exists()
        work(folder / f"{name} alone")
        assert _lasting(place) == _lasting(folder / f"{name} alone"), name
    assert slowest <= 2, f"refused after {slowest:.1f} s"
    figure("F4", f"run, store and index: refused in {slowest:.2f} s at most, taken over, equal to undisturbed ones")


def _await_begin(place: Path) -> None:
    limit = time.monotonic() + 60
    while not (place / ".lock").exists() or not (place / ".lock").stat().st_size:
        assert time.monotonic() < limit, "the first process did not begin"
        time.sleep(0.005)
    time.sleep(0.1)


def _lasting(place: Path) -> dict[str, bytes]:
    """What says neither when nor by whom it was written, as TensorBoard's events and the search engine's files do."""
    aside = ("tfevents", "/terms/", "sums", "index.json") if (place / "segments").is_dir() else ("tfevents",)
    return {name: data for name, data in files_of(place).items() if not any(word in name for word in aside)}


def _train(place: Path) -> None:
    tiny_recipe.main(str(place), *(["--resume"] if place.exists() else []))


def _store(place: Path) -> None:
    clips = pa.table({"path": [f"c{i:02d}" for i in range(12)], "samples": [3 * i for i in range(12)]})

    def codes(rows):
        _wait(place)
        return [torch.full((2, row), row) for row in rows]

    write_store(place, _SPEC, clips, codes, shard_clips=3)


def _index(place: Path) -> None:
    entries = [Entry(path=f"c{i:02d}", digest=f"{i:064x}") for i in range(6)]

    def hear(rows):
        _wait(place)
        return [Tokens(torch.full((1, 2, 9 + row), row), _SPEC, torch.tensor([27 + 3 * row])) for row in rows]

    add_to_index(place, _SPEC, entries, hear, group=2)


def _wait(place: Path) -> None:
    if place.with_name("slow").exists():
        time.sleep(0.3)


def prove_f8(folder: Path, *, clips: int = 200) -> None:
    """Prepare a corpus of which a twentieth is bad in seven ways; then spoil more of it, and encode that."""
    bad = _spoilt_corpus(folder / "corpus", clips)
    report = prepare(folder / "corpus", folder / "m.csv", workers=2)
    named = [one["path"] for one in (*report.failed, *report.flagged)]
    assert sorted(named) == sorted(bad), f"listed {sorted(named)}, spoilt {sorted(bad)}"
    assert all(one["reason"] for one in report.failed) and all("cut-short" in one["flags"] for one in report.flagged)
    assert report.files + len(report.failed) == clips and Manifest.read(folder / "m.csv").rows == report.files
    later = [path for path in Manifest.read(folder / "m.csv").paths() if path.stem.endswith("7")][: clips // 20]
    for path in later:
        os.truncate(path, path.stat().st_size // 2)
    encoded = encode("mulaw", data=folder / "m.csv", to=folder / "store")
    failed = sorted(Path(one["path"]).name for one in encoded.failed)
    assert failed == sorted(path.name for path in later) and all(one["reason"] for one in encoded.failed)
    assert encoded.files + len(failed) == report.files == len(TokenStore.open(folder / "store")) + len(failed)
    command = ["prepare", str(folder / "corpus"), "--to", str(folder / "none.csv"), "--max-bad"]
    assert run([*command, "0.01"]) == 1 and not (folder / "none.csv").exists()
    figure("F8", f"{len(named)} of {clips} and {len(later)} more: each listed once; good + bad = all; exit 1 above")


def _spoilt_corpus(folder: Path, clips: int) -> list[str]:
    """A corpus with a twentieth of its recordings spoilt; their names."""
    _recordings(folder, clips, shortest=2000).unlink()
    bad = [f"{clip:03d}.wav" for clip in range(3, clips, 20)]
    for turn, name in enumerate(bad):
        path = folder / name
        data, nan = path.read_bytes(), np.full(500, np.nan, np.float32)
        if turn % 7 == 6:
            soundfile.write(path, nan, 16_000, subtype="FLOAT", format="WAV")
        else:
            spoilt = (b"", b"no sound at all", data[:44], data[:20], bytes(len(data)), data[: len(data) // 2])
            path.write_bytes(spoilt[turn % 7])
    return bad


def _in_place(monkeypatch) -> None:
    """Shards are written under their own name, and kept whatever is in them."""
    monkeypatch.setattr(shards, "_failed_in", lambda path, key: {} if path.exists() else None)
    monkeypatch.setattr("smalti.store.atomic._temp", lambda path: path)
    monkeypatch.setattr("smalti.store.atomic._remove", lambda path: None)


def _promise_nothing(monkeypatch) -> None:
    """What a header says of the length of its sound is not held against anything."""
    examine = reading._examine

    def examined(file, *, whole):
        claims, decoder = examine(file, whole=whole)
        return replace(claims, flags=(), frames=None), decoder

    monkeypatch.setattr(reading, "_examine", examined)


def _refuse_any_lock(monkeypatch) -> None:
    """As locks are often made: a file that is there is somebody's."""

    def take(path: Path) -> int:
        if path.exists():
            raise StoreError(f"{path.parent} is in use by process {path.read_text().partition('-')[0]} (?)")
        return os.open(path, os.O_RDWR | os.O_CREAT)

    monkeypatch.setattr(sys.modules[lock.__module__], "_take", take)


def _prove_taken_over(folder: Path) -> None:
    try:
        prove_f4(folder)
    except StoreError as error:
        raise AssertionError(f"a stale lock was not taken over: {error}") from error


PLANTS = [
    Plant("F3", "whole shards or none", _in_place, lambda folder: prove_f3(folder, clips=300, kills=6), slow=True),
    Plant("F4", "the lock", lambda monkeypatch: monkeypatch.setattr("fcntl.flock", lambda *_: None), prove_f4),
    Plant("F4", "freeing the lock of the dead", _refuse_any_lock, _prove_taken_over),
    Plant(
        "F8",
        "the length that a header promises",
        _promise_nothing,
        lambda folder: prove_f8(folder, clips=160),
    ),
    Plant(
        "F8",
        "holding a clip against its manifest",
        lambda monkeypatch: monkeypatch.setattr("smalti.transcode.stores._SLACK_SECONDS", 1e9),
        lambda folder: prove_f8(folder, clips=160),
    ),
    Plant(
        "F8",
        "exit code 1 where something failed",
        lambda monkeypatch: monkeypatch.setattr("smalti.cli.output.PROBLEMS", 0),
        lambda folder: prove_f8(folder, clips=160),
        slow=True,
    ),
]
