"""How a run begins with a part of another: taken before the first step, and kept, so that resuming needs neither.

The part is written before the run's settings are. A run killed at any moment has both, or has not begun.
"""

import logging
from pathlib import Path

from smalti.core import ParameterError
from smalti.store import Weights, load_weights, save_weights
from smalti.train import BeginsElsewhere, Recipe, RunFolder

_log = logging.getLogger(__name__)


def begin_with(recipe: Recipe, run: RunFolder, *, load_path: Path | None, resume: bool) -> Weights | None:
    """Give a recipe the part of another run that it is to begin with, or began with; writes nothing.

    Raises:
        ParameterError: if the recipe takes nothing of other runs.
        StoreError, SpecError: if that run, or what is kept of it, cannot be used.
    """
    kept = run.loaded_path if resume and run.loaded_path.is_file() else None
    if load_path is None and kept is None:
        return None
    if not isinstance(recipe, BeginsElsewhere):
        raise ParameterError("found --load-path for a preset that takes nothing of another run; leave it out")
    part = recipe.part_of(load_path) if load_path is not None else load_weights(run.loaded_path)
    recipe.take(part)
    if load_path is not None:
        numbers = sum(tensor.numel() for tensor in part.tensors.values())
        what = f"{part.metadata['part']}: {len(part.tensors)} tensors, {numbers} numbers"
        _log.warning("begins with the %s, of %s; everything else is fresh", what, load_path)
    return part


def keep_beginning(run: RunFolder, part: Weights | None, *, resume: bool) -> None:
    """Write what a new run begins with, or clear what one left that was killed before it began."""
    if resume or run.config_path.exists():
        return
    if part is not None:
        save_weights(run.loaded_path, part.tensors, part.metadata)
    else:
        run.loaded_path.unlink(missing_ok=True)
