"""Vectors with the names of their recordings, as .npz or .parquet: whole or not at all."""

import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from torch import Tensor

from smalti.data.manifest import Manifest
from smalti.store import replace_file

Numbers = Mapping[str, Tensor]
_ROWS = 2**14  # frames written at once


def write_recordings(to: Path, manifest: Manifest, heard: Iterable[tuple[int, Numbers]]) -> int:
    """Write a row for each recording: `path`, `label` (if there are any) and its vectors by their names.

    Args:
        to: .npz, with an array a column, or .parquet.
        manifest: of the recordings.
        heard: rows of the manifest with their vectors, one at least.
    Returns:
        How many rows were written.
    """
    rows, vectors = zip(*heard, strict=True)
    texts = _texts(manifest.select(list(rows)))
    numbers = {name: np.stack([one[name].float().cpu().numpy() for one in vectors]) for name in vectors[0]}
    with replace_file(to) as temp:
        if to.suffix == ".npz":
            np.savez(temp, allow_pickle=False, **_arrays(texts), **numbers)
        else:
            lists = {name: _lists(rows) for name, rows in numbers.items()}
            pq.write_table(pa.table({**texts, **lists}), temp)
    return len(rows)


def write_frames(to: Path, manifest: Manifest, heard: Iterable[tuple[int, Numbers]]) -> int:
    """Write a row for each frame, without holding more than those of a recording.

    Columns of .parquet: `path`, `label` (if there are any), `seconds` (from the recording's start to the frame's) and
    `frame`, its vector. Arrays of .npz: `path` and `label` of each recording; `frames`, all vectors; `seconds` and
    `recording` (a position in `path`) of each of these.

    Args:
        to: .npz or .parquet.
        manifest: of the recordings.
        heard: rows of the manifest with their `frames` and `seconds`, one at least.
    Returns:
        How many rows were written.
    """
    with replace_file(to) as temp:
        return (_frames_npz if to.suffix == ".npz" else _frames_parquet)(temp, manifest, heard)


def _frames_parquet(to: Path, manifest: Manifest, heard: Iterable[tuple[int, Numbers]]) -> int:
    count, waiting = 0, list[pa.Table]()
    writer: pq.ParquetWriter | None = None
    try:
        for table in _tables(manifest, heard):
            writer = writer or pq.ParquetWriter(to, table.schema)
            count += table.num_rows
            waiting.append(table)
            if sum(one.num_rows for one in waiting) >= _ROWS:
                writer.write_table(pa.concat_tables(waiting))
                waiting.clear()
        if writer is not None and waiting:
            writer.write_table(pa.concat_tables(waiting))
    finally:
        if writer is not None:
            writer.close()
    return count


def _tables(manifest: Manifest, heard: Iterable[tuple[int, Numbers]]) -> Iterator[pa.Table]:
    texts = _texts(manifest)
    for row, numbers in heard:
        frames = numbers["frames"].float().cpu().numpy()
        repeated = {name: pa.array([column[row]] * len(frames), pa.string()) for name, column in texts.items()}
        yield pa.table({**repeated, "seconds": numbers["seconds"].numpy(), "frame": _lists(frames)})


def _frames_npz(to: Path, manifest: Manifest, heard: Iterable[tuple[int, Numbers]]) -> int:
    """The vectors wait in a file of their own: how many there are has to be said first."""
    rows, counts, seconds, width = list[int](), list[int](), list[np.ndarray](), 0
    with tempfile.TemporaryFile(prefix="smalti-") as spool:
        for row, numbers in heard:
            frames = numbers["frames"].float().cpu().numpy()
            spool.write(frames.tobytes())
            rows.append(row)
            counts.append(len(frames))
            seconds.append(numbers["seconds"].numpy())
            width = frames.shape[1]
        spool.flush()
        shape = (sum(counts), width)
        np.savez(
            to,
            allow_pickle=False,
            **_arrays(_texts(manifest.select(rows))),
            frames=np.memmap(spool, np.float32, "r", shape=shape),
            seconds=np.concatenate(seconds),
            recording=np.repeat(np.arange(len(rows)), counts),
        )
    return sum(counts)


def _texts(manifest: Manifest) -> dict[str, list[str | None]]:
    labels = manifest.labels()
    return {"path": manifest.table["path"].to_pylist(), **({"label": labels} if any(labels) else {})}


def _arrays(texts: Mapping[str, list[str | None]]) -> dict[str, np.ndarray]:
    return {name: np.array([text or "" for text in column]) for name, column in texts.items()}


def _lists(rows: np.ndarray) -> pa.Array:
    flat = pa.array(rows.reshape(-1), pa.float32())
    return pa.ListArray.from_arrays(np.arange(len(rows) + 1, dtype=np.int32) * rows.shape[1], flat)
