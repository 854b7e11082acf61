"""Parameters that move within a recording, in files beside it: they become the tracks and the schema of a manifest.

    NAME.cond.npy    values, [frame, parameter], of any kind of number
    NAME.cond.json   {"fps": frames a second, "names": [of each parameter], "norm": {"min": […], "max": […]}}
    NAME.cond.csv    in place of both: a column `seconds` that grows, and a column a parameter; the last row holds

A value is in the parameter's own unit. Its range is what all recordings that are learnt from take and `norm` tells; the
manifest's column holds the mean. Source: the layout is that of github.com/lonce/EncHF_Dataset.
"""

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from smalti.core import DataError
from smalti.data.manifest import BOOKKEEPING
from smalti.data.tables import read_table

_MARK = ".cond"
_TAKEN = BOOKKEEPING | {"path", "label", "flags"}
_RATE = 100.0  # Hz, of a table's values, whose moments need not be even
_MOST_JSON, _MOST_FRAMES, _MOST_NAMES = 1 << 20, 1 << 24, 256
_SLACK = 0.1  # seconds that values and sound may differ in length, or two frames


@dataclass(frozen=True, slots=True)
class Sidecar:
    """What moves in one recording.

    Attributes:
        rate: values a second, in Hz; the first is of the beginning.
        values: of each parameter.
        ranges: lowest and highest value of each, as told and as there.
    """

    rate: float
    values: dict[str, Float[np.ndarray, " frame"]]
    ranges: dict[str, tuple[float, float]]


def is_sidecar(path: Path) -> bool:
    """Whether a file is one of those beside a recording, by its name."""
    return path.suffix in (".npy", ".json", ".csv") and path.stem.endswith(_MARK)


def read_sidecar(recording: Path, *, seconds: float) -> Sidecar | None:
    """What moves in a recording; None if nothing lies beside it.

    Args:
        recording: of whose name the sidecars are.
        seconds: of it.
    Raises:
        DataError: if they cannot be read, do not fit each other, or are not as long as the recording.
    """
    table, facts = (recording.with_name(f"{recording.stem}{_MARK}.{suffix}") for suffix in ("csv", "json"))
    if facts.is_file():
        found = _of_array(facts, facts.with_suffix(".npy"))
    elif table.is_file():
        found = _of_table(table)
    else:
        return None
    told = len(next(iter(found.values.values()))) / found.rate
    early, late = seconds - told, told - seconds
    if max(late, early if facts.is_file() else 0) > max(_SLACK, 2 / found.rate):
        where = facts if facts.is_file() else table
        raise DataError(f"{where}: tells of {told:.3f} s, its recording is of {seconds:.3f} s; write it anew")
    return found


def _of_array(facts: Path, array: Path) -> Sidecar:
    try:
        if facts.stat().st_size > _MOST_JSON:
            raise DataError(f"{facts}: is larger than {_MOST_JSON} bytes; write it anew")
        told = json.loads(facts.read_text("utf-8"))
        rate, names = float(told["fps"]), [str(name) for name in told["names"]]
        values = np.load(array, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, TypeError, KeyError, EOFError, RecursionError) as error:
        raise DataError(f"{facts}: it or its .npy cannot be read ({error!r}); write both anew") from None
    if not (math.isfinite(rate) and rate > 0) or not 0 < len(set(names)) == len(names) <= _MOST_NAMES:
        raise DataError(f"{facts}: has fps {rate:g} and {len(names)} names, wanted a rate in Hz and names that differ")
    if values.dtype.kind not in "fiu" or values.shape[1:] != (len(names),) or not 1 <= len(values) <= _MOST_FRAMES:
        found = f"{array}: holds {values.dtype} of shape {values.shape}"
        raise DataError(f"{found}, wanted numbers (frames, {len(names)}), one column for each of {', '.join(names)}")
    return _checked(array, rate, dict(zip(names, np.array(values, np.float32).T, strict=True)), _norms(facts, told))


def _norms(path: Path, told: dict[str, Any]) -> dict[str, list[float]]:
    """Lowest and highest values as told, each for every name; none if they are not."""
    try:
        norm = told.get("norm") or {}
        ends = {key: [float(value) for value in norm.get(key) or ()] for key in ("min", "max")}
    except (TypeError, ValueError, AttributeError):
        raise DataError(f"{path}: its norm is no lists of numbers; write it anew") from None
    return ends if all(len(end) == len(told["names"]) and np.isfinite(end).all() for end in ends.values()) else {}


def _of_table(path: Path) -> Sidecar:
    table = read_table(path, required=("seconds",))
    columns = {name: table[name].to_pylist() for name in table.column_names}
    if any(not isinstance(value, float) for column in columns.values() for value in column):
        raise DataError(f"{path}: has a cell that is no number; fill it in")
    moments = np.array(columns.pop("seconds"))
    if not columns or (np.diff(moments) <= 0).any() or not 0 <= moments[0] <= moments[-1] < _MOST_FRAMES / _RATE:
        raise DataError(f"{path}: wanted seconds that grow from 0 on, and a column for each parameter; write it anew")
    even = np.arange(round(moments[-1] * _RATE) + 1) / _RATE
    values = {name: np.interp(even, moments, column).astype(np.float32) for name, column in columns.items()}
    return _checked(path, _RATE, values, {})


def _checked(
    path: Path, rate: float, values: dict[str, Float[np.ndarray, " frame"]], norms: dict[str, list[float]]
) -> Sidecar:
    ranges: dict[str, tuple[float, float]] = {}
    for place, (name, course) in enumerate(values.items()):
        if name in _TAKEN:
            raise DataError(f"{path}: {name!r} is a column of every manifest, wanted a parameter's own name; rename it")
        if not np.isfinite(course).all():
            raise DataError(f"{path}: {name!r} holds NaN or Inf, wanted finite numbers; write it anew")
        ends = [float(course.min()), float(course.max()), *(norms[end][place] for end in norms)]
        ranges[name] = min(ends), max(ends)
    return Sidecar(rate, values, ranges)
