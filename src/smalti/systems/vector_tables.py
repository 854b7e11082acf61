"""Vectors with the names of their recordings, as .npz or .parquet: whole or not at all, and never all in memory."""

import zipfile
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from smalti.data.manifest import Manifest
from smalti.store import replace_file
from smalti.systems.vector_parts import ROW, VectorPart, grouped

_FRAME, _FRAMES = "frame", "frames"  # what a column of .parquet, and an array of .npz, is called
_GROUP = 2**26  # bytes of a row group of .parquet
_REPEATED: Any = ["path", "label"]  # columns kept as a dictionary; numbers hardly repeat

_Blocks = Callable[[], Iterator[np.ndarray]]


def write_table(to: Path, manifest: Manifest, parts: Sequence[VectorPart]) -> int:
    """Join parts to a table; it appears when it is complete.

    Of recordings there is a row each: `path`, `label` (if the manifest has any) and their vectors by name; of .npz an
    array a column. Of frames, columns of .parquet are `path`, `label`, `seconds` (from the recording's start to the
    frame's) and `frame`, its vector; arrays of .npz are `path` and `label` of each recording, `frames`, all vectors,
    `seconds` and `recording` (a position in `path`) of each of these.

    Args:
        to: .npz or .parquet.
        manifest: of the recordings.
        parts: in order; one vector at least.
    Returns:
        How many vectors it has.
    Raises:
        StoreError: if there is no space left.
    """
    write = _write_npz if to.suffix == ".npz" else _write_parquet
    with replace_file(to) as temp, temp.open("wb") as file:
        write(file, manifest, parts)
    return sum(part.vectors for part in parts)


def _write_parquet(file: Any, manifest: Manifest, parts: Sequence[VectorPart]) -> None:
    writer: pq.ParquetWriter | None = None
    try:
        for table in grouped(_named(manifest, parts), _GROUP):
            writer = writer or pq.ParquetWriter(file, table.schema, use_dictionary=_REPEATED)
            writer.write_table(table)
    finally:
        if writer is not None:
            writer.close()


def _named(manifest: Manifest, parts: Sequence[VectorPart]) -> Iterator[pa.Table]:
    names = _texts(manifest)
    for part in parts:
        for table in part.tables():
            places = table[ROW].combine_chunks()
            texts = {name: _taken(manifest, name, part, places) for name in names}
            columns = {_FRAME if name == _FRAMES else name: table[name] for name in table.column_names if name != ROW}
            order = [*(name for name in columns if name != _FRAME), *({_FRAME} & columns.keys())]  # behind its seconds
            yield pa.table({**texts, **{name: columns[name] for name in order}})


def _write_npz(file: Any, manifest: Manifest, parts: Sequence[VectorPart]) -> None:
    """Every array in a pass of its own: how long it is has to be said before its numbers."""
    recordings, vectors = sum(len(part.rows) for part in parts), sum(part.vectors for part in parts)
    columns = next(part.columns() for part in parts if part.vectors)
    with zipfile.ZipFile(file, "w", allowZip64=True) as archive:
        for name in _texts(manifest):
            _write_array(archive, name, recordings, partial(_text_blocks, manifest, name, parts))
        for column in columns:
            _write_array(archive, column.name, vectors, partial(_number_blocks, column.name, parts))
        if any(column.name == _FRAMES for column in columns):
            _write_array(archive, ROW, vectors, partial(_places, parts))


def _write_array(archive: zipfile.ZipFile, name: str, count: int, blocks: _Blocks) -> None:
    first = next(block for block in blocks() if len(block))
    kind = np.result_type(*{block.dtype for block in blocks()}) if first.dtype.kind == "U" else first.dtype
    header = {"descr": np.lib.format.dtype_to_descr(kind), "fortran_order": False, "shape": (count, *first.shape[1:])}
    with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
        np.lib.format.write_array_header_1_0(member, header)
        for block in blocks():
            member.write(np.ascontiguousarray(block.astype(kind, copy=False)).tobytes())


def _text_blocks(manifest: Manifest, name: str, parts: Sequence[VectorPart]) -> Iterator[np.ndarray]:
    for part in parts:
        if part.rows:
            found = _taken(manifest, name, part, pa.array(part.rows, pa.int64()))
            yield np.array([text or "" for text in found.to_pylist()])


def _number_blocks(name: str, parts: Sequence[VectorPart]) -> Iterator[np.ndarray]:
    for part in parts:
        for table in part.tables(name):
            column = table[name].combine_chunks()
            vectors = pa.types.is_list(column.type)
            yield column.flatten().to_numpy().reshape(len(column), -1) if vectors else column.to_numpy()


def _places(parts: Sequence[VectorPart]) -> Iterator[np.ndarray]:
    """Of each vector the position of its recording among those that are there."""
    before = 0
    for part in parts:
        for table in part.tables(ROW):
            yield before + np.searchsorted(part.rows, table[ROW].to_numpy())
        before += len(part.rows)


def _texts(manifest: Manifest) -> list[str]:
    return ["path", "label"] if any(manifest.labels()) else ["path"]


def _taken(manifest: Manifest, name: str, part: VectorPart, rows: pa.Array) -> pa.Array:
    """Texts of some rows of a part; what lies behind them in the manifest is not touched."""
    first = part.rows[0]
    texts = manifest.table[name].slice(first, part.rows[-1] + 1 - first).combine_chunks()
    return texts.cast(pa.string()).take(pa.array(rows.to_numpy() - first))
