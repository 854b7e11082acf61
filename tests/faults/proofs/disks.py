"""Rows F5 and F7: a disk that is full, and a token store that is damaged."""

import io
import random
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stderr
from pathlib import Path
from unittest import mock

import pytest
import torch

from faults.damage import files_of, flips, replaced, temps_of
from faults.kills import ended, forked
from faults.proofs.clips import some_sounds
from faults.rows import Plant, figure
from faults.writes import full_at, size_limit
from smalti.cli import run
from smalti.core import StoreError
from smalti.store import TokenStore, atomic, load_latest, shards, verify

_APPENDED = ("metrics.jsonl", "events/")  # logs, of which a resumed run forgets the last lines
_REPLACED = "latest"  # may still be that of an earlier checkpoint, which `finds` has to look at
_FULL = 3  # exit code


def prove_f5(
    command: Callable[[Path], Sequence[object]],
    folder: Path,
    *,
    again: Sequence[str] = (),
    stride: int = 1,
    suffix: str = "",
    finds: Callable[[Path], object] = lambda target: None,
) -> None:
    """Run a command with a disk that is full from its N-th operation on, for every N, and once more with room.

    Args:
        command: the words of it, given its target.
        again: more words, for going on.
        stride: operations from one N to the next.
        suffix: of the target, if that is a file.
        finds: raises if what was there before cannot be used.
    """
    whole = folder / f"whole{suffix}"
    assert run([str(word) for word in command(whole)]) == 0 and whole.exists()
    wanted, number = _kept(whole), 0
    while True:
        target = folder / f"full{number:03d}{suffix}"
        with mock.patch("tempfile.tempdir", str(folder)), full_at(number) as full, _stderr() as said:
            code = run([str(word) for word in command(target)])
        if full.left >= 0:
            break
        where = f"operation {number}: exit {code}, said {said.getvalue()!r}"
        assert code == _FULL, where
        for word in ("no space left", "bytes", str(folder)):
            assert word in said.getvalue(), f"{where}, without {word!r}"
        assert temps_of(folder) == [], f"{where}: left {temps_of(folder)}"
        made = {name: data for name, data in _kept(target).items() if name != _REPLACED}
        parts = [name for name, data in made.items() if wanted.get(name) != data]
        assert parts == [], f"{where}: parts of {parts}"
        finds(target)
        assert run([str(word) for word in (*command(target), *again)]) == 0, where
        assert _kept(target) == wanted, f"{where}: another result afterwards"
        number += stride
    assert number > 3, "it writes nothing"
    figure("F5", f"{command(whole)[0]}: {-(-number // stride)} of {-(-number // stride)}")


def _kept(target: Path) -> dict[str, bytes]:
    if target.is_file():
        return {"": target.read_bytes()}
    return {name: data for name, data in files_of(target).items() if not name.startswith(_APPENDED)}


@contextmanager
def _stderr() -> Iterator[io.StringIO]:
    with redirect_stderr(io.StringIO()) as said:
        yield said


def prove_f5_sizes(command: Callable[[Path], Sequence[object]], folder: Path, *, sizes: Sequence[int]) -> None:
    """Whoever writes, Python or a library in another language: beyond a size of file it is told like a full disk."""
    for size in sizes:
        target, said = folder / f"limit{size}", folder / f"said{size}"

        def work(size: int = size, target: Path = target, said: Path = said) -> None:
            with _stderr() as words, size_limit(size):
                code = run([str(word) for word in command(target)])
            said.write_text(words.getvalue())
            raise SystemExit(code)

        code, words = ended(forked(work)), said.read_text()
        assert code == _FULL and "no space left" in words, f"{size} bytes: exit {code}, said {words!r}"
        assert temps_of(folder) == [], f"{size} bytes: left {temps_of(folder)}"
    figure("F5", f"limits of {', '.join(map(str, sizes))} bytes told")


def prove_f5_stdout(*command: object) -> None:
    """What a command says goes to /dev/full."""
    words = [sys.executable, "-c", "from smalti.cli import main; main()", *map(str, command)]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(words, stdout=full, stderr=subprocess.PIPE, text=True, timeout=120, check=False)
    assert done.returncode == _FULL, f"exit {done.returncode}, said {done.stderr!r}"
    assert re.fullmatch(r"smalti: no space left to write standard output: it needs \d+ bytes; .*\n", done.stderr)
    figure("F5", "/dev/full told")


def a_checkpoint_loads(target: Path) -> None:
    """If the run has one at all: the folder of checkpoints is there only with the first."""
    if any((target / "checkpoints").glob("step-*")):
        assert load_latest(target) is not None


def prove_f7(sounds: Path, folder: Path, *, changes: int = 200) -> None:
    """Damage a store of several shards in every way; encode it again."""
    store = folder / "store"
    encode = ["encode", "mulaw", "--data", str(sounds), "--to", str(store)]
    with small_shards():
        assert run(encode) == 0
        whole, clips = files_of(store), TokenStore.open(store).clips.num_rows
        names = sorted(name for name in whole if name.startswith("shard-"))
        wanted = [TokenStore.open(store).codes(clip) for clip in range(clips)]
        generator = random.Random(7)
        for turn in range(changes):
            name = generator.choice(names)
            with replaced(store / name, next(flips(whole[name], count=1, seed=turn))):
                _require_noticed(store, name, wanted, lost=names.index(name))
        for name in names:
            _require_mended(store, encode, name, whole)
        (store / names[1]).unlink()
        _require_noticed(store, names[1], wanted, lost=1)
        assert run(encode) == 0 and files_of(store) == whole
        (store / "shard-00009.safetensors").write_bytes(whole[names[0]])
        _require_noticed(store, "shard-00009.safetensors", wanted, lost=None)
        assert run(encode) == 0 and files_of(store) == whole
    figure("F7", f"{changes + 2} of {changes + 2} noticed; one bad shard of {len(names)} made again, alone")


_SHARD_CLIPS = 4


@contextmanager
def small_shards() -> Iterator[None]:
    """Stores of a few clips a shard."""
    import smalti.transcode.stores as writing

    real = writing.write_store
    writing.write_store = lambda *given, **named: real(*given, **named, shard_clips=_SHARD_CLIPS)
    try:
        yield
    finally:
        writing.write_store = real


def _require_noticed(store: Path, name: str, wanted: list[torch.Tensor], *, lost: int | None) -> None:
    """Verify names the shard and exits with 1; its clips are refused by its name, all others are read."""
    problems = verify(store)
    assert len(problems) == 1 and name in problems[0], f"{name}: verify says {problems}"
    assert run(["verify", str(store)]) == 1
    opened = TokenStore.open(store)
    for clip, codes in enumerate(wanted):
        if clip // _SHARD_CLIPS != lost:
            assert torch.equal(opened.codes(clip), codes)
            continue
        try:
            opened.codes(clip)
        except StoreError as error:
            assert name in str(error), f"{error} does not name {name}"
        else:
            raise AssertionError(f"clip {clip} of the bad {name} was believed")


def _require_mended(store: Path, encode: list[str], name: str, whole: dict[str, bytes]) -> None:
    """A bad shard is made again, and no other is written to."""
    (store / name).write_bytes(whole[name][:-9])
    before = {path.name: path.stat().st_ino for path in store.glob("shard-*")}
    assert run(encode) == 0 and files_of(store) == whole, f"{name} was not mended"
    touched = [path.name for path in store.glob("shard-*") if before[path.name] != path.stat().st_ino]
    assert touched in ([], [name]), f"{touched} written, wanted {name} alone"


def _write_in_place(monkeypatch: pytest.MonkeyPatch) -> None:
    @contextmanager
    def in_place(path: Path, *, size: int | None = None) -> Iterator[Path]:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield path

    monkeypatch.setattr(atomic, "replace_file", in_place)


def prove_small_f5(folder: Path) -> None:
    """F5 of one short recording."""
    clip = some_sounds(folder / "sounds", [0.1]) / "0.flac"
    (folder / "out").mkdir()
    prove_f5(lambda target: ["encode", "mulaw", clip, "--to", target], folder / "out")


def prove_small_f7(folder: Path) -> None:
    """F7 with few changes."""
    prove_f7(some_sounds(folder / "sounds", [0.1] * 9), folder / "out", changes=8)


PLANTS = [
    Plant(
        "F5",
        "saying what a full disk needs",
        lambda monkeypatch: monkeypatch.setattr(atomic, "_tell", lambda *rest: None),
        prove_small_f5,
    ),
    Plant("F5", "writing under another name first", _write_in_place, prove_small_f5),
    Plant(
        "F7",
        "the SHA-256 of a shard that is read",
        lambda monkeypatch: monkeypatch.setattr(shards, "_require", lambda *rest: None),
        prove_small_f7,
    ),
    Plant(
        "F7",
        "looking for shards that are missing or extra",
        lambda monkeypatch: monkeypatch.setattr(shards, "_missing_or_extra", lambda folder, index: []),
        prove_small_f7,
    ),
]
