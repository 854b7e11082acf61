"""Training by the name of a preset: settings, data and run folder come together, then the one loop runs."""

import hashlib
import json
import logging
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from smalti.config import load_settings, to_toml
from smalti.core import ConfigError, ParameterError, StoreError, lacks_memory
from smalti.store import write_bytes
from smalti.systems.beginning import begin_with, keep_beginning
from smalti.systems.members import CONFIG, ENCODER, SYSTEMS, TOKENIZER, Learning
from smalti.systems.memory import advice
from smalti.systems.registry import find_preset, find_run
from smalti.train import Cadence, Engine, EngineSettings, FitReport, Plans, Recipe, RunFolder, fit
from smalti.transcode import copy_run, copy_tokenizer

_log = logging.getLogger(__name__)
_DATA, _PLAN = "data.sha256", "plan.json"
_TABLES = ("index.json", "manifest.csv", "manifest.parquet")
_HARMLESS = {f"cadence.{name}" for name in Cadence.model_fields} | {
    f"engine.{name}" for name in EngineSettings.model_fields
}


def train(
    preset: str,
    *,
    data: Path,
    out: Path,
    resume: bool = False,
    load_path: Path | None = None,
    encoder: str | Path | None = None,
    overrides: Sequence[str] = (),
    progress: bool = True,
) -> FitReport:
    """Train a system into a run folder; nothing is written before preset, settings and data are found good.

    Args:
        preset: such as `melvqvae/tiny`, or a TOML file of settings.
        data: a manifest; for a language model a token store, whose tokenizer the run then keeps.
        out: the run folder.
        resume: go on with the run, if it has begun.
        load_path: a run of which this one begins with a part, as a GPT-VAE's second stage does with its first.
        encoder: whose frames are clustered; the run keeps it.
        overrides: settings, `train.steps=200`.
        progress: whether to show any, on stderr.
    Raises:
        ConfigError: for an unknown preset or setting, or a run begun with other settings or data.
        ParameterError: for `load_path` with `resume`, of a recipe that takes nothing, or if the memory does not
            suffice; names a batch that fits.
        DataError, StoreError: if data or run folder cannot be used.
    """
    if resume and load_path is not None:
        raise ParameterError("found --load-path with --resume: a run that goes on has all it needs; give one of them")
    name, file = find_preset(preset)
    learning = SYSTEMS[name].learning
    if learning is None:
        raise ParameterError(f"{name} has nothing to learn; give its name in place of a run")
    settings: Any = load_settings(learning.settings(), file, [*overrides, *_hears_with(name, learning, encoder)])
    engine = Engine(settings.engine).launch()
    try:
        return _learn(
            settings, learning, engine, data=data, out=out, resume=resume, load_path=load_path, progress=progress
        )
    except (MemoryError, RuntimeError) as error:
        if not lacks_memory(error):
            raise
    # here, where the error is gone and with it all that the step held
    raise ParameterError(advice(settings, lambda smaller: learning.recipe(smaller, data, engine)))


def _learn(
    settings: Any,
    learning: Learning,
    engine: Engine,
    *,
    data: Path,
    out: Path,
    resume: bool,
    load_path: Path | None,
    progress: bool,
) -> FitReport:
    recipe = learning.recipe(settings, data, engine)
    if learning.data == "store" and not (data / TOKENIZER / CONFIG).is_file():
        raise StoreError(f"{data} holds no tokenizer to hear its tokens with; encode it again with `smalti encode`")
    run = RunFolder(out)
    part = begin_with(recipe, run, load_path=load_path, resume=resume)
    if engine.is_main:
        keep_beginning(run, part, resume=resume)
        resolved = partial(_resolved, learning)
        run = RunFolder.start(out, to_toml(settings), resume=resume, harmless=_HARMLESS, resolved=resolved)
        _refuse_other_data(run, data)
        if learning.data == "store":
            copy_tokenizer(data / TOKENIZER, out)
        elif learning.hears and (find_run(settings.model.encoder) / CONFIG).is_file():
            copy_run(find_run(settings.model.encoder), out / ENCODER)
        _keep_plan(recipe, run)
    engine.barrier()
    return fit(
        recipe,
        steps=recipe.steps if isinstance(recipe, Plans) else settings.train.steps,
        run=run,
        engine=engine,
        seed=settings.train.seed,
        cadence=settings.cadence,
        resume=resume,
        progress=progress,
    )


def _resolved(learning: Learning, config: str) -> str:
    """Settings of a run with what they lack of those of now, as they were begun by an older version."""
    return to_toml(load_settings(learning.settings(), config))


def _hears_with(name: str, learning: Learning, encoder: str | Path | None) -> list[str]:
    """The setting that an encoder is.

    Raises:
        ParameterError: if the system learns of none.
    """
    if encoder is None:
        return []
    if not learning.hears:
        raise ParameterError(f"found --encoder for {name}, which clusters nothing; leave it out, or train kmeans")
    place = Path(encoder).resolve() if Path(encoder).exists() else encoder
    return [f"model.encoder={json.dumps(str(place), ensure_ascii=False)}"]


def _keep_plan(recipe: Recipe, run: RunFolder) -> None:
    """Say what the run's schedules come to in steps, and keep it beside its settings."""
    if isinstance(recipe, Plans):
        plan = recipe.plan()
        _log.info("%s", "; ".join(f"{name}: {words}" for name, words in plan.items()))
        write_bytes(run.path / _PLAN, f"{json.dumps(plan, indent=1, ensure_ascii=False)}\n".encode())


def _refuse_other_data(run: RunFolder, data: Path) -> None:
    """Remember which table the run learns from; a run that goes on must go on with the same."""
    table = next((data / name for name in _TABLES if (data / name).is_file()), data)
    found, noted = hashlib.sha256(table.read_bytes()).hexdigest(), run.path / _DATA
    if not noted.exists():
        write_bytes(noted, f"{found}\n".encode())
    elif noted.read_text("utf-8").strip() != found:
        raise ConfigError(f"the run in {run.path} was begun with other data than {table}; resume with the same")
