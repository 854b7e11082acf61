"""What a corpus settles for the models that learn from it: the order of its labels and the ranges of its parameters.

Both come from `schema.json` where it says them, else from the recordings that are learnt from, never from those kept
out: a class that is missing among these shifts no other's number. What does not fit is refused by its path.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from types import MappingProxyType

import numpy as np
from jaxtyping import Bool

from smalti.audio import shown
from smalti.core import DataError, Parameter, Schema, nearest
from smalti.data.manifest import Manifest
from smalti.store import write_bytes


def settle(
    training: Manifest,
    held_out: Manifest | None = None,
    *,
    labels: Sequence[str] = (),
    moving: Mapping[tuple[str | None, str], tuple[float, float]] = MappingProxyType({}),
) -> Schema:
    """The schema of a corpus.

    Args:
        training: what is learnt from; its root is the folder whose `schema.json` counts.
        held_out: what is not, and is only held against the schema.
        labels: that are there whether or not a recording of them can be used.
        moving: lowest and highest value of each label and parameter that moves in what is learnt from.
    Raises:
        DataError: naming the first recording whose label or value does not fit, found, wanted and remedy.
    """
    found, declared = training.schema(), training.declared()
    parameters = tuple(_widened(found, declared, moving))
    schema = Schema(tuple(sorted({*found.labels, *labels})), parameters)
    _refuse_labels(training, declared.labels, "schema.json")
    _refuse_values(training, schema, declared)
    if held_out is not None:
        _refuse_labels(held_out, schema.labels, "what is learnt from")
        _refuse_values(held_out, schema, declared)
    return schema


def settle_notes(training: Manifest, held_out: Manifest, schema: Schema) -> Iterator[str]:
    """What is odd, but harms nothing: a sentence for each label that is not tested, each column that is left out."""
    missing = [label for label in schema.labels if label not in set(held_out.labels())]
    if missing:
        yield f"none of what is kept out is of {', '.join(missing)}; these keep their numbers, and stay untested"
    own = set(_varying(training))
    for label, name in _varying(held_out):
        if (label, name) not in own and name not in schema.parameters_of(label):
            where = f" in {label}" if label else ""
            yield f"column {name!r} varies{where} only in what is kept out, so no model learns it; it is left out"


def write_schema(path: Path, schema: Schema) -> None:
    """Write a schema as `schema.json`, beside a manifest.

    Raises:
        StoreError: if it cannot be written.
    """
    words = {"labels": list(schema.labels), "parameters": [asdict(parameter) for parameter in schema.parameters]}
    write_bytes(path, f"{json.dumps(words, indent=2, ensure_ascii=False)}\n".encode())


def _widened(
    found: Schema, declared: Schema, moving: Mapping[tuple[str | None, str], tuple[float, float]]
) -> Iterator[Parameter]:
    """All parameters, those that nobody declared as wide as they move."""
    fixed = {(p.label, p.name) for p in declared.parameters}
    rest = {key: ends for key, ends in moving.items() if not {key, (None, key[1])} & fixed}
    for parameter in found.parameters:
        low, high = rest.pop((parameter.label, parameter.name), (parameter.low, parameter.high))
        yield replace(parameter, low=min(low, parameter.low), high=max(high, parameter.high))
    for (label, name), (low, high) in rest.items():
        if low < high:
            yield Parameter(name=name, label=label, low=low, high=high)


def _refuse_labels(manifest: Manifest, known: tuple[str, ...], where: str) -> None:
    for row, label in enumerate(manifest.labels()):
        if known and label and label not in known:
            found = f"{_name(manifest, row)} is of class {label!r}, which is not in {where}"
            raise DataError(f"{found}; {nearest(label, known)}; rename or remove it, or add the class there")


def _refuse_values(manifest: Manifest, schema: Schema, declared: Schema) -> None:
    owners: dict[str, list[str | None]] = {}
    for parameter in declared.parameters:
        owners.setdefault(parameter.name, []).append(parameter.label)
    for label, name in _varying(manifest):
        if name in owners and not {label, None} & set(owners[name]):
            row = int(np.flatnonzero(_is_of(manifest, label) & ~np.isnan(manifest.values(name)))[0])
            raise DataError(
                f"{_name(manifest, row)} has a {name!r} that varies in class {label}, but schema.json gives it to "
                f"{' and '.join(map(str, owners[name]))}; empty these cells, or give it to {label} there, too"
            )
    for parameter in schema.parameters:
        if parameter.name in manifest.numeric():
            _refuse_range(manifest, parameter)


def _refuse_range(manifest: Manifest, parameter: Parameter) -> None:
    values = manifest.values(parameter.name)
    slack = 1e-9 * max(abs(parameter.low), abs(parameter.high))
    outside = (values < parameter.low - slack) | (values > parameter.high + slack)  # an empty cell is neither
    if parameter.label is not None:
        outside &= _is_of(manifest, parameter.label)
    if outside.any():
        row = int(np.flatnonzero(outside)[0])
        found = f"{_name(manifest, row)} has {parameter.key}={values[row]:g}"
        wanted = f"wanted {parameter.low:g}…{parameter.high:g}, as schema.json or what is learnt from has it"
        raise DataError(f"{found}, {wanted}; correct it, or give a wider range in schema.json")


def _varying(manifest: Manifest) -> list[tuple[str | None, str]]:
    """Label and column of every column that takes two values in a label."""
    return [(label, name) for name in manifest.parameter_names() for label in manifest.ranges(name)]


def _is_of(manifest: Manifest, label: str | None) -> Bool[np.ndarray, " row"]:
    return np.array([one == label for one in manifest.labels()])


def _name(manifest: Manifest, row: int) -> str:
    return shown(manifest.table["path"][row].as_py())
