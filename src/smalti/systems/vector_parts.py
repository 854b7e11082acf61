"""Vectors of recordings on their way into a table: in parts, of which few are in memory."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from torch import Tensor

from smalti.core import ParameterError
from smalti.data.manifest import Manifest

Numbers = Mapping[str, Tensor]
"""Columns of vectors, "vector dim", and of one number each, "vector"."""
ROW = "recording"

_FILE = "vectors.arrow"
_MOST_RECORDINGS, _MOST_SECONDS = 256, 1200.0  # of a part: what a kill can cost
_PIECE = 2**20  # bytes of a part that are written, and read again, together


@dataclass(frozen=True, slots=True)
class VectorPart:
    """A part of a table.

    Attributes:
        folder: where its vectors lie.
        rows: of the manifest, whose vectors they are.
        vectors: how many there are.
    """

    folder: Path
    rows: tuple[int, ...]
    vectors: int

    def columns(self) -> list[pa.Field]:
        """Names and types of its columns, without `recording`; none if it has no vectors."""
        return [field for field in self._schema() if field.name != ROW] if self.vectors else []

    def tables(self, *names: str) -> Iterator[pa.Table]:
        """Its vectors, some at a time: these columns, or all; `recording` is the row of the manifest."""
        if not self.vectors:
            return
        places = [self._schema().get_field_index(name) for name in names]
        options = pa.ipc.IpcReadOptions(included_fields=places or None)
        with pa.OSFile(str(self.folder / _FILE)) as file, pa.ipc.open_file(file, options=options) as reader:
            for number in range(reader.num_record_batches):
                yield pa.Table.from_batches([reader.get_batch(number)])

    def _schema(self) -> pa.Schema:
        with pa.OSFile(str(self.folder / _FILE)) as file, pa.ipc.open_file(file) as reader:
            return reader.schema


def spans(manifest: Manifest) -> list[range]:
    """Rows of each part: at most 256 recordings, and no more after 20 minutes of them, as the manifest has it."""
    known = "seconds" in manifest.numeric()
    seconds = np.nan_to_num(manifest.values("seconds")).tolist() if known else [0.0] * manifest.rows
    found, first, together = list[range](), 0, 0.0
    for row, length in enumerate(seconds):
        together += length
        if row + 1 - first == _MOST_RECORDINGS or together >= _MOST_SECONDS or row + 1 == len(seconds):
            found.append(range(first, row + 1))
            first, together = row + 1, 0.0
    return found


def digest(manifest: Manifest) -> str:
    """SHA-256 (hex) of which recordings a manifest lists, in which order."""
    found = hashlib.sha256(f"{manifest.root.resolve()}".encode())
    for chunk in manifest.table["path"].chunks:
        for path in chunk.to_pylist():
            found.update(b"\0" + path.encode())
    return found.hexdigest()


def write_vectors(folder: Path, heard: Iterable[tuple[int, Numbers]]) -> int:
    """Write the vectors of a part as they come.

    Args:
        folder: of the part.
        heard: rows of the manifest with their vectors, each with the same columns.
    Returns:
        How many vectors there are.
    """
    count, writer = 0, None
    with (folder / _FILE).open("wb") as file:
        try:
            for table in grouped((_table(row, numbers) for row, numbers in heard), _PIECE):
                writer = writer or pa.ipc.new_file(file, table.schema)
                writer.write_table(table)
                count += table.num_rows
        finally:
            if writer is not None:
                writer.close()
    return count


def grouped(tables: Iterable[pa.Table], size: int) -> Iterator[pa.Table]:
    """The same rows in tables of so many bytes or a little more; the last may be smaller."""
    waiting, held = list[pa.Table](), 0
    for table in tables:
        waiting.append(table)
        held += table.nbytes
        if held >= size:
            yield pa.concat_tables(waiting).combine_chunks()
            waiting, held = [], 0
    if waiting:
        yield pa.concat_tables(waiting).combine_chunks()


def _table(row: int, numbers: Numbers) -> pa.Table:
    columns = {name: _column(value) for name, value in numbers.items()}
    count = len(next(iter(columns.values())))
    if any(len(column) != count for column in columns.values()):
        raise ParameterError(f"found columns of {[*map(len, columns.values())]} vectors, wanted as many in each")
    return pa.table({ROW: pa.array(np.full(count, row, np.int64)), **columns})


def _column(values: Tensor) -> pa.Array:
    if values.dim() == 1:
        return pa.array(values.cpu().numpy())
    rows = values.float().cpu().contiguous().numpy()
    flat = pa.array(rows.reshape(-1), pa.float32())
    return pa.ListArray.from_arrays(np.arange(len(rows) + 1, dtype=np.int32) * rows.shape[1], flat)
