"""Tables from CSV or Parquet: columns of settled types, checked batch by batch, memory-mapped when they are large."""

import csv as plain
import tempfile
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path, PurePosixPath
from typing import Any

import pyarrow as pa
import pyarrow.compute
import pyarrow.parquet as pq
from pyarrow import csv

from smalti.audio import shown
from smalti.core import DataError, nearest

TEXTS = ("path", "label", "split", "fold")
INTEGERS = ("sample_rate", "channels")
_compute: Any = pyarrow.compute  # its functions are made at run time
_ALIASES = {"samplerate": "sample_rate"}
_IN_MEMORY = 2**23  # bytes of a table that need no file behind them
_MOST_GROWTH = 200  # times that packed bytes may become
_BLOCK = 2**20  # bytes of CSV parsed at once


def read_table(path: Path, *, required: tuple[str, ...] = ("path",)) -> pa.Table:
    """A table by its suffix, .parquet or else CSV; text, integer or float64 columns, empty cells are null.

    Raises:
        DataError: if it is missing, cannot be read, lacks a required column, has no rows, or its column `path` leads
            out of the folder.
    """
    try:
        is_parquet = path.suffix.lower() == ".parquet"
        schema, batches = _parquet(path) if is_parquet else _csv(path)
        for name in required:
            if name not in schema.names:
                raise DataError(f"has no column {name!r}; {nearest(name, schema.names)}")
        table = _gathered(schema, (_settled(batch, schema) for batch in batches))
        if not table.num_rows:
            raise DataError("has no rows")
        return table
    except DataError as error:
        raise DataError(f"{shown(path)}: {error}") from error
    except (OSError, pa.ArrowException, UnicodeDecodeError, plain.Error) as error:
        reason = getattr(error, "strerror", None) or str(error).splitlines()[0]
        raise DataError(f"{shown(path)}: cannot be read as a table ({shown(reason)}); repair or replace it") from error


def _parquet(path: Path) -> tuple[pa.Schema, Iterator[pa.RecordBatch]]:
    file = pq.ParquetFile(path, memory_map=True)
    grown = sum(file.metadata.row_group(group).total_byte_size for group in range(file.num_row_groups))
    if grown > max(_MOST_GROWTH * path.stat().st_size, _IN_MEMORY):
        raise DataError(f"would unpack to {grown} bytes, {_MOST_GROWTH} times its size and more; write it as CSV")
    schema = pa.schema([(_ALIASES.get(f.name, f.name), _settle(f.name, f.type)) for f in file.schema_arrow])
    return schema, file.iter_batches(batch_size=2**16)


def _csv(path: Path) -> tuple[pa.Schema, Iterator[pa.RecordBatch]]:
    """Which columns are numbers is known after a first pass, so that late rows cannot contradict early ones."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        names = next(plain.reader(file), [])
    if not names:
        raise DataError("is empty; the first line must name the columns")
    texts = dict.fromkeys(names, pa.string())
    numeric = set(names) - set(TEXTS)
    for batch in _csv_batches(path, names, texts):
        numeric = {name for name in numeric if _all_numbers(batch.column(names.index(name)))}
    types = {name: pa.float64() if name in numeric else pa.string() for name in names}
    schema = pa.schema([(_ALIASES.get(name, name), _settle(name, types[name])) for name in names])
    return schema, _csv_batches(path, names, types)


def _csv_batches(path: Path, names: list[str], types: dict[str, pa.DataType]) -> Iterator[pa.RecordBatch]:
    if len(set(names)) < len(names):
        raise DataError("has two columns of one name")
    reader = csv.open_csv(
        path,
        csv.ReadOptions(block_size=_BLOCK),
        csv.ParseOptions(newlines_in_values=True),
        csv.ConvertOptions(column_types=types, strings_can_be_null=True, null_values=[""]),
    )
    with reader:
        yield from reader


def _all_numbers(column: pa.Array) -> bool:
    try:
        column.cast(pa.float64())
    except pa.ArrowInvalid:
        return False
    return True


def _settle(name: str, kind: pa.DataType) -> pa.DataType:
    """The type a column gets."""
    if _ALIASES.get(name, name) in INTEGERS:
        return pa.int32()
    inner = kind.value_type if pa.types.is_dictionary(kind) else kind
    if name in TEXTS or pa.types.is_large_string(inner) or pa.types.is_string(inner):
        return pa.string()
    number = pa.types.is_integer(inner) or pa.types.is_floating(inner) or pa.types.is_decimal(inner)
    return pa.float64() if number else kind


def _settled(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    columns = [column.cast(field.type) for column, field in zip(batch.columns, schema, strict=True)]
    for field, column in zip(schema, columns, strict=True):
        if pa.types.is_floating(field.type) and _compute.any(_compute.is_inf(column)).as_py():
            raise DataError(f"column {field.name!r} holds an infinite value")
    if "path" in schema.names:
        _refuse_paths(columns[schema.names.index("path")])
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def _refuse_paths(paths: pa.Array) -> None:
    """Refuse a batch in which a path is empty, holds a zero byte, or is relative and climbs out of the folder."""
    if paths.null_count:
        raise DataError("has a row without a path")
    suspects = paths.filter(_compute.match_substring_regex(paths, r"\.\.|\x00"))
    for name in suspects.to_pylist():
        depth = 0
        for part in PurePosixPath(name).parts:
            depth += -1 if part == ".." else 1
            if "\0" in part or (depth < 0 and not PurePosixPath(name).is_absolute()):
                raise DataError(f"the path {shown(name)} leads out of the manifest's folder; give a path inside it")


def _gathered(schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> pa.Table:
    """All batches as one table; a large one lies in a temporary file that is gone when the table is."""
    batches, held, size = iter(batches), list[pa.RecordBatch](), 0
    for batch in batches:
        held.append(batch)
        size += batch.nbytes
        if size > _IN_MEMORY:
            break
    else:
        return pa.Table.from_batches(held, schema)
    with tempfile.NamedTemporaryFile(prefix="smalti-", suffix=".arrow") as file:
        with pa.ipc.new_file(file, schema) as writer:
            for batch in chain(held, batches):
                writer.write_batch(batch)
        file.flush()
        held.clear()
        pa.default_memory_pool().release_unused()
        return pa.ipc.open_file(pa.memory_map(file.name)).read_all()
