"""What to say when a training does not fit in memory: a smaller batch, tried before it is advised."""

import time
from collections.abc import Callable, Iterator
from functools import reduce
from typing import Any

from smalti.core import lacks_memory
from smalti.train import Recipe

_BATCHES = ("train.batch", "shown.batch", "pairs.classes")
_LENGTHS = ("train.crop", "train.seconds", "shown.crop", "pairs.seconds", "model.encoder.chunk")
_PATIENCE = 10  # seconds


def advice(settings: Any, make: Callable[[Any], Recipe]) -> str:
    """One sentence: what does not fit, and a batch of which two steps were tried and do.

    Args:
        settings: of the training that failed; what it held must be free again.
        make: a recipe of other settings.
    """
    batch, length = (next((key for key in keys if _has(settings, key)), None) for keys in (_BATCHES, _LENGTHS))
    given = [f"{key}={_value(settings, key)}" for key in (batch, length) if key is not None]
    said = f"the memory does not suffice for {' and '.join(given) or 'a step'}"
    if batch is not None:
        begin = time.monotonic()
        for smaller in _halves(_value(settings, batch)):
            if time.monotonic() - begin > _PATIENCE:
                return f"{said}; begin a new run with {batch}={smaller} or less"
            if _fits(make, _with(settings, batch, smaller)):
                return f"{said}; begin a new run with {batch}={smaller}, which was tried and fits"
        said += f", nor for {batch}=1"
    return f"{said}; begin a new run with a smaller {length or 'model'}"


def _halves(batch: int) -> Iterator[int]:
    while batch > 1:
        batch //= 2
        yield batch


def _fits(make: Callable[[Any], Recipe], settings: Any) -> bool:
    try:
        recipe = make(settings)
        for step in (0, 1):  # the second has an optimiser that remembers the first
            recipe.step(recipe.batch(step), step)
    except (MemoryError, RuntimeError) as error:
        if not lacks_memory(error):
            raise
        return False
    return True


def _has(settings: Any, key: str) -> bool:
    try:
        _value(settings, key)
    except AttributeError:
        return False
    return True


def _value(settings: Any, key: str) -> Any:
    return reduce(getattr, key.split("."), settings)


def _with(settings: Any, key: str, value: int) -> Any:
    table, name = key.split(".")
    changed = getattr(settings, table).model_copy(update={name: value})
    return settings.model_copy(update={table: changed})
