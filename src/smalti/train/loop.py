"""The one training loop. It knows steps, logs, checkpoints and signals, and nothing of what is learned."""

import logging
import math
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from pydantic import Field

import smalti
from smalti.config import Settings, mix
from smalti.core import DataError
from smalti.store import load_latest, lock, save_latest, save_weights
from smalti.train.engine import Engine
from smalti.train.interrupts import Interrupted, interrupts
from smalti.train.logs import Logs
from smalti.train.progress import progress_bar
from smalti.train.recipe import EndsEarly, NamesClips, Recipe, ShowsSamples
from smalti.train.runs import RunFolder

_log = logging.getLogger(__name__)
_PROGRESS = "progress"  # the loop's own part of a checkpoint
_MOST_BAD = 3


class Cadence(Settings):
    """How often the loop does more than a step, in steps. The last step does all of it."""

    log: int = Field(default=10, ge=1)
    evaluate: int = Field(default=500, ge=1)
    checkpoint: int = Field(default=500, ge=1)


@dataclass(frozen=True, slots=True)
class FitReport:
    """What a training came to.

    Attributes:
        run: its folder.
        steps: done in all.
        seconds: taken by this call.
        metrics: of the last evaluation.
    """

    run: Path
    steps: int
    seconds: float
    metrics: Mapping[str, float]


def fit(
    recipe: Recipe,
    *,
    steps: int,
    run: RunFolder,
    engine: Engine,
    seed: int,
    cadence: Cadence | None = None,
    resume: bool = False,
    progress: bool = True,
) -> FitReport:
    """Train a recipe for some steps, from the start or from the run's newest good checkpoint.

    Killed at any moment and resumed, it ends with the same weights, byte for byte, at the same thread count.

    Raises:
        Interrupted: after SIGTERM or Ctrl-C, when a checkpoint has been saved.
        DataError: if the loss was not finite three times in a row; names the steps and, if known, the clips.
        StoreError: if another process trains in this folder, or something cannot be written.
    """
    began = time.monotonic()
    cadence = cadence or Cadence()
    with ExitStack() as stack:
        if engine.is_main:
            stack.enter_context(lock(run.path))
        stop = stack.enter_context(interrupts())
        loop = _Loop(recipe, run, engine, seed)
        if resume:
            loop.restore()
        if engine.is_main:
            loop.logs = stack.enter_context(Logs(run, after=loop.done))
        bar = stack.enter_context(
            progress_bar(steps, title="train", start=loop.done, shown=progress and engine.is_main)
        )
        while loop.done < steps and not loop.ended:
            found = loop.step()
            last = loop.done == steps
            if last or loop.done % cadence.log == 0:
                loop.log("train", found)
            if last or loop.done % cadence.evaluate == 0:
                loop.evaluate()
            last = last or loop.ended
            stopped = not last and not engine.everywhere(stop.code == 0)
            if last or stopped or loop.done % cadence.checkpoint == 0:
                loop.save()
            bar.update(loop.done, "  ".join(f"{name} {value:.4g}" for name, value in list(found.items())[:3]))
            if stopped:
                said = f"stopped after step {loop.done} of {steps}, checkpoint saved; go on with --resume"
                raise Interrupted(stop.code or 143, said)
        loop.finish()
    return FitReport(run.path, loop.done, time.monotonic() - began, loop.metrics)


class _Loop:
    """The state of a run between two steps."""

    def __init__(self, recipe: Recipe, run: RunFolder, engine: Engine, seed: int) -> None:
        self.recipe, self.run, self.engine, self.seed = recipe, run, engine, seed
        self.logs: Logs | None = None
        self.metrics: dict[str, float] = {}
        self.done = 0
        self.bad: list[int] = []  # steps in a row whose loss was not finite

    @property
    def ended(self) -> bool:
        return isinstance(self.recipe, EndsEarly) and self.recipe.ended

    def step(self) -> Mapping[str, float]:
        self._seed()
        found = self.recipe.step(self.recipe.batch(self.done), self.done)
        self.done += 1
        self._notice(found)
        return found

    def log(self, kind: Any, values: Mapping[str, float]) -> None:
        if self.logs is not None:
            self.logs.metrics(kind, self.done, values)

    def evaluate(self) -> None:
        self._seed(1)
        with torch.no_grad():
            self.metrics = {name: float(value) for name, value in self.recipe.evaluate().items()}
            self.log("evaluate", self.metrics)
            if self.logs is not None and isinstance(self.recipe, ShowsSamples):
                self.logs.samples(self.done, self.recipe.samples())

    def save(self) -> None:
        state = {**self.recipe.state_dict(), _PROGRESS: self._progress()}
        if self.engine.is_main:
            save_latest(self.run.path, self.done, state)
        self.engine.barrier()

    def restore(self) -> None:
        checkpoint = load_latest(self.run.path)
        if checkpoint is None:
            return
        state = dict(checkpoint.state)
        before, now = state.pop(_PROGRESS), self._progress()
        self.recipe.load_state_dict(state)
        self.done, self.metrics, self.bad = checkpoint.step, before["metrics"], before["bad"]
        changed = [f"{key} {before[key]} → {now[key]}" for key in ("threads", "precision", "torch", "smalti")
                   if before[key] != now[key]]  # fmt: skip
        if changed:
            _log.warning(
                "resuming under other conditions (%s); the result may differ in the last bits", ", ".join(changed)
            )

    def finish(self) -> None:
        weights = self.recipe.weights()
        if self.engine.is_main:
            save_weights(self.run.weights_path, weights.tensors, weights.metadata)
        self.engine.barrier()

    def _progress(self) -> dict[str, Any]:
        versions = {"torch": torch.__version__, "smalti": smalti.__version__}
        machine = {"threads": self.engine.threads, "precision": self.engine.precision}
        own = {"step": self.done, "seed": self.seed, "metrics": self.metrics, "bad": self.bad}
        return {**own, **machine, **{name: str(version) for name, version in versions.items()}}

    def _seed(self, *more: int) -> None:
        rank = (self.engine.rank,) if self.engine.rank else ()
        torch.manual_seed(mix(self.seed, self.done, *more, *rank))

    def _notice(self, found: Mapping[str, float]) -> None:
        if all(math.isfinite(value) for value in found.values()):
            self.bad = []
            return
        self.bad = [*self.bad, self.done]
        clips = self.recipe.clips(self.done - 1) if isinstance(self.recipe, NamesClips) else ()
        named = f"; clips: {', '.join(clips)}" if clips else ""
        _log.warning("step %d: the loss is not finite, its update is skipped%s", self.done, named)
        if len(self.bad) >= _MOST_BAD:
            steps = ", ".join(map(str, self.bad))
            raise DataError(
                f"the loss was not finite at steps {steps}{named}; lower the learning rate or check the clips"
            )
