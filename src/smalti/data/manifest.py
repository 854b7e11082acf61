"""The manifest: one table that says which recordings there are, what they are called and how their knobs stood.

Columns `path, seconds, sample_rate, channels, label, split, fold` have their meaning; any other numeric column is a
continuous parameter of the rows' labels, unless it is book-keeping (`BOOKKEEPING`) or of the form `*_id`. CSV or
Parquet by suffix. A million rows open in seconds and lie in a memory-mapped file, not in memory.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from jaxtyping import Bool, Float, Int
from pyarrow import csv

from smalti.audio import shown
from smalti.core import Condition, DataError, Parameter, ParameterError, Schema, nearest
from smalti.data.tables import INTEGERS, TEXTS, read_table
from smalti.store import read_json, replace_file

BOOKKEEPING = frozenset(
    (
        *(
            "seconds",
            "sample_rate",
            "samplerate",
            "channels",
            "split",
            "fold",
            "start",
            "end",
            "bytes",
            "size",
            "frames",
            "samples",
        ),
        *("take", "year", "sha256", "id", "index", "shift"),
    )
)
SCHEMA, TRACKS = "schema.json", "tracks.parquet"

Track = tuple[float, Float[np.ndarray, " value"]]


@dataclass(frozen=True)
class Manifest:
    """Recordings with what is known of them, one row each.

    Attributes:
        table: the columns; `path` is always there.
        root: the folder that relative paths start from.
    """

    table: pa.Table
    root: Path

    @classmethod
    def read(cls, path: str | Path) -> "Manifest":
        """Open a manifest, or the `manifest.csv` or `manifest.parquet` in a folder.

        Raises:
            DataError: if it is missing or cannot be read as a table, has no `path` column or no rows, or a relative
                path leads out of its folder.
        """
        path = Path(path)
        if path.is_dir():
            found = [path / name for name in ("manifest.csv", "manifest.parquet") if (path / name).is_file()]
            if not found:
                raise DataError(f"{shown(path)}: holds no manifest.csv; make one with `smalti prepare`")
            path = found[0]
        return cls(read_table(path), path.parent)

    @classmethod
    def from_rows(cls, rows: Iterable[Mapping[str, Any]], root: Path) -> "Manifest":
        """Put a manifest together from rows; a key that a row lacks is empty there."""
        rows = list(rows)
        names = list(dict.fromkeys(name for row in rows for name in row))
        return cls(pa.table({name: _column(name, [row.get(name) for row in rows]) for name in names}), root)

    @classmethod
    def joined(cls, parts: "Iterable[Manifest]", root: Path) -> "Manifest":
        """One manifest of several: a column that one of them lacks is empty there.

        Args:
            parts: manifests of different recordings.
            root: the folder that its relative paths start from; those outside of it are absolute.
        Raises:
            DataError: if a recording is in two of them.
        """
        rows = [row for part in parts for row in part.seen_from(root).table.to_pylist()]
        known: set[str] = set()
        for path in (row["path"] for row in rows):
            if path in known:
                raise DataError(f"{shown(path)}: is in two of the sources; name each folder once")
            known.add(path)
        return cls.from_rows(rows, root)

    def seen_from(self, folder: Path) -> "Manifest":
        """The same recordings with paths relative to another folder, or absolute if they lie outside it."""
        here, there = self.root.resolve(), folder.resolve()
        if here == there:
            return Manifest(self.table, folder)
        names = [_relative(here, name, there) for name in self.table["path"].to_pylist()]
        place = self.table.column_names.index("path")
        return Manifest(self.table.set_column(place, "path", pa.array(names, pa.string())), folder)

    def write(self, path: Path) -> None:
        """Write the table as CSV or Parquet, by suffix, complete or not at all.

        Written into another folder, paths become relative to that, or absolute if they lie outside it.

        Raises:
            ParameterError: for another suffix.
            StoreError: if there is no space left, or the folder cannot be written to.
        """
        if path.suffix.lower() not in (".csv", ".parquet"):
            raise ParameterError(f"{shown(path)}: a manifest is .csv or .parquet; choose one of them")
        table = self.seen_from(path.parent).table
        with replace_file(path) as temporary:
            if path.suffix.lower() == ".csv":
                csv.write_csv(table, temporary)
            else:
                pq.write_table(table, temporary, row_group_size=2**16)

    @property
    def rows(self) -> int:
        """How many recordings there are."""
        return self.table.num_rows

    def path(self, row: int) -> Path:
        """Where the recording of one row lies."""
        return self.root / self.table["path"][row].as_py()

    def paths(self) -> list[Path]:
        """Where all recordings lie."""
        return [self.root / name for name in self.table["path"].to_pylist()]

    def labels(self) -> list[str | None]:
        """The label of every row; None where there is none."""
        return self._texts("label")

    def values(self, name: str) -> Float[np.ndarray, " row"]:
        """A numeric column, NaN where it is empty.

        Raises:
            DataError: if there is none of that name; names the nearest.
        """
        if name not in self.numeric():
            raise DataError(f"the manifest has no numeric column {name!r}; {nearest(name, self.numeric())}")
        return self.table[name].cast(pa.float64()).to_numpy()

    def select(self, rows: Sequence[int] | Int[np.ndarray, " chosen"] | Bool[np.ndarray, " row"]) -> "Manifest":
        """Some rows: by position, in the order given, or by a mask."""
        chosen = np.asarray(rows)
        if chosen.dtype == bool:
            return Manifest(self.table.filter(pa.array(chosen)), self.root)
        return Manifest(_taken(self.table, chosen.astype(np.int64)), self.root)

    def split(self, name: str) -> "Manifest":
        """The rows whose `split` is `name`.

        Raises:
            DataError: if there are none; names the splits there are.
        """
        splits = self._texts("split")
        if name not in splits:
            raise DataError(f"no rows of split {name!r}; {nearest(name, sorted({s for s in splits if s}))}")
        return self.select(np.array([split == name for split in splits]))

    def schema(self, parameters: Sequence[str] | None = None) -> Schema:
        """The labels (sorted) and the parameters of each: columns with at least two values in that label.

        Ranges, units and scales come from `schema.json` beside the manifest where it names the parameter, else from
        the data. Labels and parameters that it names are there whether or not a recording has them; one that it gives
        to no label (null) is of all.

        Args:
            parameters: columns to take instead of all that are numeric and no book-keeping.
        Raises:
            DataError: if a column asked for is not numeric, schema.json cannot be read, or two labels differ only in
                white space.
        """
        labels = sorted({label for label in self.labels() if label} | set(self._written_labels()))
        _refuse_alike(labels)
        written = {(p.label, p.name): p for p in self._written_parameters()}
        names = self.parameter_names() if parameters is None else list(parameters)
        ranges = {name: self.ranges(name) for name in names}
        if parameters is None:
            names = list(dict.fromkeys([*names, *(name for _, name in written)]))
        groups: list[str | None] = [*labels, None] if labels else [None]
        wanted = [
            (label, name)
            for label in groups
            for name in names
            if (label, name) in written
            or (label in ranges.get(name, ()) and (None, name) not in written and (label or not labels))
        ]
        return Schema(
            tuple(labels), tuple(written.get(key) or _parameter(*key, ranges[key[1]][key[0]]) for key in wanted)
        )

    def conditions(self, schema: Schema) -> Condition:
        """What each row's label and parameters ask, as one frame per row; the rest of `schema` is left open.

        Raises:
            ParameterError: if a label is not in the schema, or a value is out of its parameter's range.
        """
        labels = self.labels()
        positions: dict[str | None, int] = {label: schema.label_index(label) for label in set(labels) if label}
        index = np.array([positions.get(label, -1) for label in labels], np.int64)
        values = np.full((self.rows, len(schema.parameters)), np.nan, np.float32)
        for at, parameter in enumerate(schema.parameters):
            if parameter.name in self.table.column_names:
                own = self.values(parameter.name)
                mine = ~np.isnan(own)
                if parameter.label is not None:
                    mine &= index == schema.label_index(parameter.label)
                distinct, first, where = np.unique(own[mine], return_index=True, return_inverse=True)
                rows = np.flatnonzero(mine)[first].tolist()
                told = [self._normalised(parameter, float(v), row) for v, row in zip(distinct, rows, strict=True)]
                values[mine, at] = np.array(told, np.float32)[where]
        return Condition(torch.from_numpy(index)[:, None], torch.from_numpy(values)[:, None])

    def _normalised(self, parameter: Parameter, value: float, row: int) -> float:
        try:
            return parameter.normalise(value)
        except ParameterError as error:
            raise ParameterError(f"{shown(self.table['path'][row].as_py())}: {error}") from None

    def track(self, path: str) -> dict[str, Track]:
        """Parameters over time of one recording: name → (values a second in Hz, values); empty if it has none.

        Args:
            path: as it stands in the column `path`.
        """
        table, rows = self._tracks
        found = table.take(pa.array(rows.get(path, []), pa.int64()))
        return {row["name"]: (float(row["rate"]), np.asarray(row["values"], np.float64)) for row in found.to_pylist()}

    @cached_property
    def _tracks(self) -> tuple[pa.Table, dict[str, list[int]]]:
        if not (self.root / TRACKS).is_file():
            return pa.table({"path": []}), {}
        table = read_table(self.root / TRACKS, required=("path", "name", "rate", "values"))
        rows: dict[str, list[int]] = {}
        for row, name in enumerate(table["path"].to_pylist()):
            rows.setdefault(name, []).append(row)
        return table, rows

    def _texts(self, name: str) -> list[str | None]:
        if name not in self.table.column_names:
            return [None] * self.rows
        return self.table[name].to_pylist()

    def numeric(self) -> list[str]:
        """Names of all columns of numbers."""
        return [field.name for field in self.table.schema if _is_number(field.type)]

    def parameter_names(self) -> list[str]:
        """Names of the columns that are parameters: numbers, and no book-keeping."""
        return [name for name in self.numeric() if name not in BOOKKEEPING and not name.endswith("_id")]

    def ranges(self, name: str) -> dict[str | None, tuple[float, float]]:
        """Lowest and highest value of a column in each label; labels in which it does not vary are left out."""
        values = pa.array(self.values(name), from_pandas=True)
        labels = pa.array(self.labels(), pa.string())
        groups = pa.table({"label": labels, "value": values}).group_by("label")
        found = groups.aggregate([("value", "min"), ("value", "max")]).to_pylist()
        triples = ((row["label"], row["value_min"], row["value_max"]) for row in found)
        return {label: (low, high) for label, low, high in triples if low is not None and low < high}

    def declared(self) -> Schema:
        """What `schema.json` beside the manifest says, whatever the recordings have; empty if there is none.

        Raises:
            DataError: if it cannot be read.
        """
        return Schema(tuple(self._written_labels()), tuple(self._written_parameters()))

    def _written_parameters(self) -> list[Parameter]:
        try:
            return [Parameter(**written) for written in self._written("parameters")]
        except (TypeError, ParameterError) as error:
            raise DataError(f"{shown(self.root / SCHEMA)}: is no schema ({error}); repair or remove it") from error

    def _written_labels(self) -> list[str]:
        return [str(label) for label in self._written("labels")]

    def _written(self, name: str) -> list[Any]:
        """A list of schema.json; empty if it, or the file, is not there."""
        path = self.root / SCHEMA
        if not path.is_file():
            return []
        try:
            return list(read_json(path).get(name, []))
        except (ValueError, TypeError, AttributeError) as error:
            raise DataError(f"{shown(path)}: is no schema ({error}); repair or remove it") from error


def write_tracks(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write parameters over time as `tracks.parquet`: rows of path, name, rate (values a second) and values.

    Raises:
        StoreError: if it cannot be written.
    """
    values = pa.field("values", pa.list_(pa.float32()))
    fields = [pa.field("path", pa.string()), pa.field("name", pa.string()), pa.field("rate", pa.float64()), values]
    with replace_file(path) as temporary:
        pq.write_table(pa.Table.from_pylist(list(rows), schema=pa.schema(fields)), temporary)


def _taken(table: pa.Table, rows: Int[np.ndarray, " chosen"]) -> pa.Table:
    """Rows by position, batch by batch: taken from all at once, a table that lies in a file would be read whole."""
    order = np.argsort(rows, kind="stable")
    batches, first, parts = table.to_batches(), 0, list[pa.RecordBatch]()
    for batch in batches:
        begin, end = np.searchsorted(rows[order], (first, first + batch.num_rows))
        if begin < end:
            parts.append(batch.take(pa.array(rows[order[begin:end]] - first)))
        first += batch.num_rows
    found = pa.Table.from_batches(parts, table.schema)
    back = np.empty_like(order)
    back[order] = np.arange(len(order))
    return found.take(pa.array(back))


def _column(name: str, values: list[Any]) -> pa.Array:
    if name in TEXTS:
        return pa.array([None if value is None else str(value) for value in values], pa.string())
    try:
        column = pa.array(values, pa.int32() if name in INTEGERS else None)
    except pa.ArrowException:  # numbers and text in one column
        return pa.array([None if value is None else str(value) for value in values], pa.string())
    return column.cast(pa.string()) if pa.types.is_null(column.type) else column


def _refuse_alike(labels: Sequence[str]) -> None:
    known: dict[str, str] = {}
    for label in labels:
        first = known.setdefault(" ".join(label.split()), label)
        if first != label:
            raise DataError(f"labels {first!r} and {label!r} differ only in white space; write them alike")


def _parameter(label: str | None, name: str, ends: tuple[float, float]) -> Parameter:
    return Parameter(name=name, label=label, low=ends[0], high=ends[1])


def _relative(here: Path, name: str, there: Path) -> str:
    if PurePosixPath(name).is_absolute():
        return name
    path = here / name
    return str(path.relative_to(there) if path.is_relative_to(there) else path)


def _is_number(kind: pa.DataType) -> bool:
    return pa.types.is_integer(kind) or pa.types.is_floating(kind)
