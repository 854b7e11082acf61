"""Recordings whose parameters move: what lies beside them becomes columns, ranges and tracks of their manifest."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from smalti.audio import shown
from smalti.core import DataError, Schema
from smalti.data.manifest import Manifest
from smalti.data.sidecars import Sidecar, read_sidecar

Ranges = dict[tuple[str | None, str], tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Moving:
    """Recordings and what moves in some of them.

    Attributes:
        manifest: with the mean of each parameter that moves as a column.
        sidecars: by row.
    """

    manifest: Manifest
    sidecars: dict[int, Sidecar]

    def ranges(self, rows: Iterable[int]) -> Ranges:
        """Lowest and highest value of each label and parameter in some rows."""
        labels, found = self.manifest.labels(), Ranges()
        for row in rows:
            for name, (low, high) in self.sidecars[row].ranges.items() if row in self.sidecars else ():
                key = labels[row], name
                known = found.get(key, (low, high))
                found[key] = min(low, known[0]), max(high, known[1])
        return found

    def tracks(self) -> list[dict[str, Any]]:
        """All that moves, as rows for `smalti.data.manifest.write_tracks`."""
        paths = self.manifest.table["path"].to_pylist()
        return [
            {"path": paths[row], "name": name, "rate": beside.rate, "values": course}
            for row, beside in self.sidecars.items()
            for name, course in beside.values.items()
        ]

    def require(self, schema: Schema) -> None:
        """Refuse movement that a schema's parameters do not reach.

        Raises:
            DataError: naming the first recording of it.
        """
        for row, beside in self.sidecars.items():
            known = schema.parameters_of(self.manifest.labels()[row])
            for name, course in beside.values.items():
                parameter = schema.parameters[known[name]] if name in known else None
                ends = float(course.min()), float(course.max())
                if parameter and not (parameter.reaches(ends[0]) and parameter.reaches(ends[1])):
                    path = shown(self.manifest.table["path"][row].as_py())
                    raise DataError(
                        f"{path}: its {parameter.key} moves within {ends[0]:g}…{ends[1]:g}, wanted "
                        f"{parameter.low:g}…{parameter.high:g}, as schema.json or what is learnt from has it; correct "
                        "it, or give a wider range in schema.json"
                    )


def with_sidecars(manifest: Manifest) -> Moving:
    """Read all that lies beside the recordings.

    Raises:
        DataError: as `smalti.data.sidecars.read_sidecar`.
    """
    seconds = manifest.values("seconds").tolist()
    read = ((row, read_sidecar(manifest.path(row), seconds=seconds[row])) for row in range(manifest.rows))
    sidecars = {row: found for row, found in read if found is not None}
    if not sidecars:
        return Moving(manifest, {})
    rows = manifest.table.to_pylist()
    for row, beside in sidecars.items():
        rows[row] |= {name: float(course.mean()) for name, course in beside.values.items()}
    return Moving(Manifest.from_rows(rows, manifest.root), sidecars)
