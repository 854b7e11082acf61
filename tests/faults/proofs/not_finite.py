"""Row F9: what is not a number is noticed at once, changes nothing and is never kept."""

import logging
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from faults.rows import Plant, figure
from faults.tiny_recipe import TinyRecipe
from smalti.core import DataError, StoreError
from smalti.store import load_checkpoint
from smalti.store.checkpoint import checkpoints
from smalti.train import Cadence, Engine, EngineSettings, NamesClips, Recipe, RunFolder, fit, loop

_STEPS, _ONCE, _THRICE = 8, 1, (4, 5, 6)


def prove_f9(recipe: Recipe, folder: Path, *, engine: Engine, value: float = math.nan) -> None:
    """Train with every network's result multiplied by NaN or Inf in one step, and later in three in a row."""
    real, changed = recipe.step, []

    def step(batch: Any, number: int) -> Mapping[str, float]:
        if number not in (_ONCE, *_THRICE):
            return real(batch, number)
        before = _copied(recipe.state_dict())
        with _multiplied(value):
            found = real(batch, number)
        changed.extend(_unequal(before, recipe.state_dict()))
        return found

    recipe.step = step
    run = RunFolder.start(folder, "seed = 3\n")
    with _listening() as said:
        try:
            cadence = Cadence(log=1, evaluate=100, checkpoint=1)
            fit(recipe, steps=_STEPS, run=run, engine=engine, seed=3, cadence=cadence, progress=False)
        except DataError as error:
            said.append(str(error))
        except StoreError as error:
            raise AssertionError(f"only the last guard held: {error}") from error
        else:
            raise AssertionError("it went on after three in a row")
    assert changed == [], f"changed by a step that is not finite: {changed}"
    assert isinstance(recipe, NamesClips)
    for line, number in zip(said, (_ONCE, *_THRICE, _THRICE[-1]), strict=True):
        assert str(number + 1) in line and "not finite" in line, line
        assert all(clip in line for clip in recipe.clips(number)) and recipe.clips(number), f"{line} names no clips"
    kept = checkpoints(run.path)
    assert kept and all(_finite(load_checkpoint(one)) for one in kept)
    figure("F9", "noticed in its step, nothing changed, ended after 3")


@contextmanager
def _multiplied(value: float) -> Iterator[None]:
    """What any network gives is multiplied."""

    def spoil(_module: object, _given: object, found: object) -> object:
        return found * value if isinstance(found, Tensor) and found.is_floating_point() else None

    handle = torch.nn.modules.module.register_module_forward_hook(spoil)
    try:
        yield
    finally:
        handle.remove()


@contextmanager
def _listening() -> Iterator[list[str]]:
    said: list[str] = []
    handler = logging.Handler(logging.WARNING)
    handler.emit = lambda record: said.append(record.getMessage())
    loop._log.addHandler(handler)
    try:
        yield said
    finally:
        loop._log.removeHandler(handler)


def _leaves(state: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(state, Mapping):
        for key, value in state.items():
            yield from _leaves(value, f"{name}/{key}")
    elif isinstance(state, list | tuple):
        for key, value in enumerate(state):
            yield from _leaves(value, f"{name}/{key}")
    else:
        yield name, state


def _copied(state: Any) -> dict[str, Any]:
    return {name: one.clone() if isinstance(one, Tensor) else one for name, one in _leaves(state)}


def _unequal(before: Mapping[str, Any], state: Any) -> list[str]:
    """What differs but learning rates, which follow from the number of the step."""
    after = dict(_leaves(state))
    names = [name for name in before.keys() | after if not name.endswith("/lr")]
    return [name for name in names if not _same(before.get(name), after.get(name))]


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, Tensor):
        return isinstance(other, Tensor) and torch.equal(one, other)
    return bool(one == other)


def _finite(state: Any) -> bool:
    return all(bool(torch.isfinite(one).all()) for _, one in _leaves(state) if isinstance(one, Tensor))


def prove_tiny_f9(folder: Path) -> None:
    """F9 of the smallest recipe."""
    engine = Engine(EngineSettings(accelerator="cpu", precision="32"))
    prove_f9(TinyRecipe(engine, steps=_STEPS), folder / "run", engine=engine)


PLANTS = [
    Plant(
        "F9",
        "leaving out an update that is not finite",
        lambda monkeypatch: monkeypatch.setattr(Engine, "everywhere", lambda self, claim: True),
        prove_tiny_f9,
    ),
    Plant(
        "F9",
        "ending after three in a row",
        lambda monkeypatch: monkeypatch.setattr(loop, "_MOST_BAD", 99),
        prove_tiny_f9,
    ),
]
