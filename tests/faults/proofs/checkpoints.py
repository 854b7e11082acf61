"""Rows F2 and F6: whatever happens to a checkpoint, in its write or later, a whole one is found and taken."""

import logging
import random
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import torch

from faults.damage import cuts, flips, replaced, temps_of
from faults.kills import dies
from faults.rows import Plant, figure
from smalti.core import StoreError
from smalti.store import atomic, checkpoint, load_latest, save_latest, verify
from smalti.train import RunFolder, runs

_LAST, _BEFORE = 4, 3  # steps of the newest checkpoint and of the one before it


def state_of(step: int) -> dict[str, object]:
    """What a run might save after a step."""
    generator = torch.Generator().manual_seed(step)
    weights = {"w": torch.randn(50, generator=generator)}
    return {"model": weights, "optimiser": {0: torch.randn(9, generator=generator)}, "progress": {"x": step / 7}}


def prove_f2(folder: Path, *, kills: int = 200, stride: int = 1) -> None:
    """Kill the save of a fourth checkpoint at one moment after the other, again and again, then go on.

    Args:
        stride: moments of the disk from one kill to the next, for less kills than there are moments.
    """
    killed = moment = 0
    while killed < kills:
        run = folder / f"{killed:03d}-{moment}"
        if not _died_within_a_save(run, moment):
            moment = 0  # there are no more; once again from the first
            continue
        _require_whole(run, f"moment {moment}")
        killed, moment = killed + 1, moment + stride
    figure("F2", f"{kills} of {kills} load, nothing is left over")


def _died_within_a_save(run: Path, number: int) -> bool:
    RunFolder.start(run, "seed = 3\n")
    for step in range(1, _LAST):
        save_latest(run, step, state_of(step))
    return dies(lambda: save_latest(run, _LAST, state_of(_LAST)), number)


def _require_whole(run: Path, moment: str) -> None:
    RunFolder.start(run, "seed = 3\n", resume=True)
    assert temps_of(run) == [], f"{moment}: stray {temps_of(run)}"
    assert verify(run) == [], f"{moment}: {verify(run)}"
    found = load_latest(run)
    assert found is not None and found.step in (_BEFORE, _LAST), f"{moment}: latest is {found}"
    assert _is_saved(found), f"{moment}: another state"
    save_latest(run, _LAST, state_of(_LAST))
    left = sorted(path.name for path in (run / "checkpoints").iterdir())
    assert left == [f"step-{step:08d}" for step in range(_LAST - 2, _LAST + 1)], f"{moment}: left {left}"


def _is_saved(found: checkpoint.Checkpoint) -> bool:
    wanted = state_of(found.step)
    same = all(
        torch.equal(found.state[name][key], wanted[name][key]) for name, key in (("model", "w"), ("optimiser", 0))
    )
    return same and found.state["progress"] == wanted["progress"]


def prove_f6(folder: Path, *, changes: int = 200) -> None:
    """Damage the newest of two checkpoints in every way: the other one is taken, and said to be."""
    run = RunFolder.start(folder / "run", "seed = 3\n").path
    for step in (_BEFORE, _LAST):
        save_latest(run, step, state_of(step))
    files = sorted(path for path in (run / "checkpoints" / f"step-{_LAST:08d}").iterdir())
    tried = 0
    for tried, (path, data) in zip(count(1), _damages(files, changes), strict=False):
        with replaced(path, data):
            _require_fallback(run, f"{path.name} changed, number {tried}")
    for path in files:
        aside = path.rename(run / "aside")
        _require_fallback(run, f"{path.name} missing")
        aside.rename(path)
    assert verify(run) == []
    figure("F6", f"{tried + len(files)} of {tried + len(files)} damages noticed, the one before taken and named")


def _damages(files: list[Path], changes: int) -> Iterator[tuple[Path, bytes]]:
    """Flipped bytes by the size of the files, cuts of which some leave nothing, and files of another kind."""
    generator = random.Random(6)
    whole = {path: path.read_bytes() for path in files}
    for turn in range(changes):
        path = generator.choices(files, [len(whole[path]) for path in files])[0]
        yield path, next(flips(whole[path], count=1, seed=turn))
    for turn, path in enumerate(files * 5):
        yield path, [*cuts(whole[path], count=5, seed=turn)][turn // len(files)]
    for path, other in zip(files, files[1:] + files[:1], strict=True):
        yield path, whole[other]
        yield path, b"RIFF\x24\0\0\0WAVEfmt "


def _require_fallback(run: Path, what: str) -> None:
    with _listening() as said:
        try:
            found = load_latest(run)
        except StoreError as error:
            raise AssertionError(f"{what}: {error}") from error
    assert found is not None and found.step == _BEFORE, f"{what}: step {found and found.step} was believed"
    assert _is_saved(found), f"{what}: another state"
    assert any(f"falling back to step-{_BEFORE:08d}" in line for line in said), f"{what}: nothing was said: {said}"
    assert verify(run), f"{what}: verify saw nothing"


@contextmanager
def _listening() -> Iterator[list[str]]:
    """What the store warns of."""
    said: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: said.append(record.getMessage())
    logger = logging.getLogger("smalti.store")
    propagates, logger.propagate = logger.propagate, False
    logger.addHandler(handler)
    try:
        yield said
    finally:
        logger.removeHandler(handler)
        logger.propagate = propagates


@contextmanager
def _in_place(path: Path, *, size: int | None = None) -> Iterator[Path]:
    path.mkdir(parents=True)
    yield path


def _never_clean(monkeypatch) -> None:
    monkeypatch.setattr(runs, "clean_temps", lambda folder: [])
    monkeypatch.setattr(atomic, "clean_temps", lambda folder: [])


def _believe(monkeypatch) -> None:
    monkeypatch.setattr(checkpoint, "damaged", lambda folder: [])


def _believe_the_name(monkeypatch) -> None:
    candidates = checkpoint._candidates
    monkeypatch.setattr(checkpoint, "_candidates", lambda run: [next(candidates(run))])


PLANTS = [
    Plant(
        "F2",
        "writing a checkpoint under another name first",
        lambda monkeypatch: monkeypatch.setattr(checkpoint, "replace_folder", _in_place),
        lambda folder: prove_f2(folder, kills=30),
    ),
    Plant("F2", "cleaning up at the start", _never_clean, lambda folder: prove_f2(folder, kills=30)),
    Plant("F6", "the SHA-256 of a checkpoint", _believe, lambda folder: prove_f6(folder, changes=20)),
    Plant("F6", "falling back", _believe_the_name, lambda folder: prove_f6(folder, changes=20)),
]
