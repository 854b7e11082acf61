"""Vectors in parts become one table: what is in it, in which order, and with how much memory."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from faults.measuring import Growth, alone
from smalti.core import ParameterError
from smalti.data.manifest import Manifest
from smalti.systems import vector_tables
from smalti.systems.vector_parts import Numbers, VectorPart, digest, grouped, spans, write_vectors
from smalti.systems.vector_tables import write_table


def manifest(rows: int, **columns: list[object]) -> Manifest:
    given = {"path": [f"{row:06d}.wav" for row in range(rows)], **columns}
    return Manifest.from_rows([{name: value[row] for name, value in given.items()} for row in range(rows)], Path())


def part(folder: Path, rows: list[int], numbers: list[Numbers]) -> VectorPart:
    folder.mkdir(parents=True)
    return VectorPart(folder, tuple(rows), write_vectors(folder, zip(rows, numbers, strict=True)))


def three_parts(folder: Path) -> tuple[Manifest, list[VectorPart]]:
    """Seven recordings, of which two failed, one of them all of a part; as many frames as their row says."""
    listed = manifest(7, label=["a", None, "bb", "", "a", "ccc", "a"])
    frames = [{"frames": torch.arange(3.0 * n).view(n, 3), "seconds": torch.arange(n).double() / 4} for n in range(7)]
    rows = [[1, 2], [], [4, 5, 6]]
    return listed, [part(folder / str(n), one, [frames[row] for row in one]) for n, one in enumerate(rows)]


def test_frames_have_the_texts_and_places_of_their_recordings(tmp_path: Path):
    listed, parts = three_parts(tmp_path)
    owner = [row for row in (1, 2, 4, 5, 6) for _ in range(row)]
    assert write_table(tmp_path / "t.npz", listed, parts) == write_table(tmp_path / "t.parquet", listed, parts) == 18
    with np.load(tmp_path / "t.npz", allow_pickle=False) as file:
        assert file["path"].tolist() == [f"{row:06d}.wav" for row in (1, 2, 4, 5, 6)]
        assert file["label"].tolist() == ["", "bb", "a", "ccc", "a"]
        assert file["recording"].tolist() == [(1, 2, 4, 5, 6).index(row) for row in owner]
        assert file["frames"].dtype == np.float32 and file["frames"].shape == (18, 3)
        assert file["seconds"].dtype == np.float64
        seconds, frames = file["seconds"].tolist(), file["frames"].tolist()
    table = pq.read_table(tmp_path / "t.parquet")
    assert table.column_names == ["path", "label", "seconds", "frame"]
    assert table["path"].to_pylist() == [f"{row:06d}.wav" for row in owner]
    assert table["label"].to_pylist() == [listed.labels()[row] for row in owner]
    assert (table["seconds"].to_pylist(), table["frame"].to_pylist()) == (seconds, frames)


def test_an_npz_is_byte_for_byte_what_numpy_writes(tmp_path: Path):
    listed, parts = three_parts(tmp_path)
    write_table(tmp_path / "t.npz", listed, parts)
    with np.load(tmp_path / "t.npz", allow_pickle=False) as file:
        np.savez(tmp_path / "theirs.npz", allow_pickle=False, **{name: file[name] for name in file.files})
    assert (tmp_path / "t.npz").read_bytes() == (tmp_path / "theirs.npz").read_bytes()


def test_row_groups_are_full_and_how_parts_were_cut_changes_no_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(vector_tables, "_GROUP", 2000)
    listed, numbers = manifest(50), [{"mean": torch.full((1, 9), float(row))} for row in range(50)]
    tables = list[pa.Table]()
    for size in (7, 50):
        cut = [[*range(first, min(first + size, 50))] for first in range(0, 50, size)]
        parts = [part(tmp_path / f"{size}-{rows[0]}", rows, [numbers[row] for row in rows]) for rows in cut]
        write_table(tmp_path / f"{size}.parquet", listed, parts)
        tables.append(pq.read_table(tmp_path / f"{size}.parquet"))
    assert tables[0].equals(tables[1]) and tables[0].column_names == ["path", "mean"]
    groups = pq.ParquetFile(tmp_path / "7.parquet").metadata
    assert 1 < groups.num_row_groups < 7


def test_tables_are_grouped_in_order_without_loss():
    tables = [pa.table({"x": pa.array([row] * (row % 4), pa.int64())}) for row in range(30)]
    groups = [*grouped(iter(tables), 64)]
    assert [x for group in groups for x in group["x"].to_pylist()] == [row for row in range(30) for _ in range(row % 4)]
    assert all(group.nbytes >= 64 for group in groups[:-1]) and len(groups) > 3


def test_parts_end_with_so_many_recordings_or_so_much_sound():
    assert spans(manifest(600)) == [range(256), range(256, 512), range(512, 600)]
    long = manifest(5, seconds=[100.0, 1500.0, 700.0, 400.0, 200.0])
    assert spans(long) == [range(2), range(2, 5)]
    unknown = manifest(3, seconds=[None, 2000.0, 1.0])
    assert spans(unknown) == [range(2), range(2, 3)]


def test_other_recordings_another_order_or_folder_have_another_digest(tmp_path: Path):
    one = manifest(3)
    others = [manifest(4), one.select([0, 2, 1]), Manifest(one.table, tmp_path)]
    assert len({digest(one), *map(digest, others)}) == 4
    assert digest(one) == digest(manifest(3, label=["a", "b", "c"]))  # labels are taken when the table is written


def test_columns_of_different_lengths_are_refused(tmp_path: Path):
    with pytest.raises(ParameterError, match=r"columns of \[2, 3\] vectors"):
        part(tmp_path / "p", [0], [{"mean": torch.zeros(2, 4), "seconds": torch.zeros(3)}])


@pytest.mark.parametrize("suffix", ["npz", "parquet"])
def test_a_large_table_is_joined_without_being_held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str):
    monkeypatch.setattr(vector_tables, "_GROUP", 2**20)
    size, wide, parts = 256, 512, 192  # 96 MiB of vectors
    listed, vectors = manifest(size * parts), torch.randn(size, 1, wide)
    assert size * parts * wide * 4 >= 96 * 2**20

    def rows(first: int) -> Iterator[tuple[int, Numbers]]:
        yield from ((first + row, {"mean": vectors[row]}) for row in range(size))

    def joined() -> float:
        small = Manifest(listed.table.slice(0, size), listed.root)
        (tmp_path / "small").mkdir()
        small_part = VectorPart(tmp_path / "small", tuple(range(size)), write_vectors(tmp_path / "small", rows(0)))
        write_table(tmp_path / f"small.{suffix}", small, [small_part])  # what is loaded at first use is no growth
        growth, made = Growth(), list[VectorPart]()
        for number in range(parts):
            folder = tmp_path / str(number)
            folder.mkdir()
            first = number * size
            made.append(VectorPart(folder, tuple(range(first, first + size)), write_vectors(folder, rows(first))))
        assert write_table(tmp_path / f"t.{suffix}", listed, made) == size * parts
        return growth.mib

    assert alone(joined, tmp_path / "alone") <= 48
    assert (tmp_path / f"t.{suffix}").stat().st_size >= 96 * 2**20
