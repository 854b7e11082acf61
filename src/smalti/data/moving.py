"""Recordings whose parameters move: what lies beside them becomes columns, ranges and tracks of their manifest."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from smalti.audio import shown
from smalti.core import DataError, Schema
from smalti.data.corpora import Row
from smalti.data.manifest import Manifest
from smalti.data.sidecars import Sidecar, read_sidecar

_MOVES = "moves"  # key of a row, until it becomes one of a manifest

Ranges = dict[tuple[str | None, str], tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Moving:
    """Recordings and what moves in some of them.

    Attributes:
        manifest: with the mean of each parameter that moves as a column.
        sidecars: each with the row that it belongs to.
    """

    manifest: Manifest
    sidecars: Sequence[tuple[int, Sidecar]]

    def ranges(self, rows: Iterable[int]) -> Ranges:
        """Lowest and highest value of each label and parameter in some rows."""
        labels, found, chosen = self.manifest.labels(), Ranges(), set(rows)
        for row, beside in self.sidecars:
            for name, (low, high) in beside.ranges.items() if row in chosen else ():
                key = labels[row], name
                known = found.get(key, (low, high))
                found[key] = min(low, known[0]), max(high, known[1])
        return found

    def tracks(self) -> list[dict[str, Any]]:
        """All that moves, as rows for `smalti.data.manifest.write_tracks`."""
        paths = self.manifest.table["path"].to_pylist()
        return [
            {"path": paths[row], "name": name, "rate": beside.rate, "values": course}
            for row, beside in self.sidecars
            for name, course in beside.values.items()
        ]

    def require(self, schema: Schema) -> None:
        """Refuse movement that a schema's parameters do not reach.

        Raises:
            DataError: naming the first recording of it.
        """
        for row, beside in self.sidecars:
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


def with_what_moves(rows: Sequence[Row], root: Path) -> list[Row]:
    """Rows of recordings, each with what moves in it: as files beside it say, else `tracks.parquet` in their folder.

    A parameter that moves becomes a column of its mean; a mean that a row's own table has stays as it is.

    Args:
        rows: with `path` and `seconds`.
        root: what their relative paths start from.
    Raises:
        DataError: as `smalti.data.sidecars.read_sidecar`, or if the tracks cannot be read.
    """
    tracks, found = Manifest(pa.table({}), root), list[Row]()
    for row in rows:
        own = read_sidecar(root / row["path"], seconds=row["seconds"])
        moves = [own] if own else _tracks(tracks, row["path"])
        means = {name: float(course.mean()) for one in moves for name, course in one.values.items()}
        known = {name: row[name] for name in means if own is None and row.get(name) is not None}
        found.append(row | means | known | {_MOVES: moves})
    return found


def still(rows: Sequence[Row]) -> list[Row]:
    """The rows without what moves, as a manifest has them."""
    return [{name: value for name, value in row.items() if name != _MOVES} for row in rows]


def moving(manifest: Manifest, rows: Sequence[Row]) -> Moving:
    """A manifest of rows and what moves in each, which are in the same order."""
    return Moving(manifest, [(place, one) for place, row in enumerate(rows) for one in row[_MOVES]])


def _tracks(manifest: Manifest, path: str) -> list[Sidecar]:
    return [
        Sidecar(rate, {name: course.astype(np.float32)}, {name: (float(course.min()), float(course.max()))})
        for name, (rate, course) in manifest.track(path).items()
    ]
