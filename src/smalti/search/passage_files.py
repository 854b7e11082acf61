"""Passages as files.

recordings.arrow, passages.arrow    the two tables
posteriors.bytes                    a row a frame of every recording, if they are kept
moments.bytes                       twelve rows a recording, if they are kept
"""

from pathlib import Path

import numpy as np
import pyarrow as pa

from smalti.search.likeness import MOMENTS
from smalti.search.passages import Passages

RECORDINGS, PASSAGES = "recordings.arrow", "passages.arrow"
POSTERIORS, SOUNDS = "posteriors.bytes", "moments.bytes"
_BATCH_ROWS = 4096


def passage_files(passages: Passages) -> dict[str, bytes]:
    """Everything as files, by name; equal passages give equal bytes."""
    files = {RECORDINGS: _bytes(passages.recordings), PASSAGES: _bytes(passages.table)}
    numbers = {POSTERIORS: passages.posteriors, SOUNDS: passages.moments}
    return files | {name: rows.tobytes() for name, rows in numbers.items() if rows is not None and rows.size}


def read_passages(folder: Path) -> Passages:
    """Read what `passage_files` gave, which must have been found whole; bytes stay on disk until needed."""
    recordings, table = (_read(folder / name) for name in (RECORDINGS, PASSAGES))
    posteriors = sounds = None
    if (folder / POSTERIORS).exists():
        rows = Passages(recordings, table).first_frames[-1]
        posteriors = np.memmap(folder / POSTERIORS, np.uint8, mode="r").reshape(rows, -1)
    if (folder / SOUNDS).exists():
        sounds = np.memmap(folder / SOUNDS, np.int8, mode="r").reshape(recordings.num_rows, MOMENTS, -1)
    return Passages(recordings, table, posteriors, sounds)


def _bytes(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    options = pa.ipc.IpcWriteOptions(compression="zstd")
    with pa.ipc.new_file(sink, table.schema, options=options) as file:
        file.write_table(table.combine_chunks(), max_chunksize=_BATCH_ROWS)
    return sink.getvalue().to_pybytes()


def _read(path: Path) -> pa.Table:
    with pa.memory_map(str(path)) as source:
        return pa.ipc.open_file(source).read_all().combine_chunks()
