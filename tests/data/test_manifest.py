"""The manifest's laws: what is written is read, row order changes no type, paths stay inside, knobs are found."""

import json
import math
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from smalti.core import DataError, Parameter, ParameterError, Schema
from smalti.data import Manifest, tables

ROWS = [
    {"path": "wind/a, b.wav", "label": "wind", "split": "train", "fold": 1, "gust": 0.5, "channels": 1},
    {"path": "rain/ünï\n2.wav", "label": "rain", "split": "train", "fold": 2, "rate": 100.0, "channels": 1},
    {"path": "wind/c.wav", "label": "wind", "split": "test", "fold": 1, "gust": 0.75, "rate": 7.0, "channels": 2},
    {"path": 'rain/"d".wav', "label": "rain", "split": "test", "fold": 2, "rate": 1000.0, "channels": 1},
    {"path": "-e.wav", "label": None, "split": None, "fold": None, "channels": 1},
]


def written(folder: Path, text: str, name: str = "manifest.csv") -> Path:
    (folder / name).write_text(text, encoding="utf-8")
    return folder / name


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_what_is_written_is_read_again(tmp_path: Path, suffix: str) -> None:
    manifest = Manifest.from_rows(ROWS, tmp_path)
    manifest.write(tmp_path / f"m.{suffix}")
    again = Manifest.read(tmp_path / f"m.{suffix}")
    assert again.table.to_pylist() == manifest.table.to_pylist()
    assert again.rows == 5
    assert again.paths() == [tmp_path / row["path"] for row in ROWS]
    assert again.path(2) == tmp_path / "wind/c.wav"
    assert again.labels() == ["wind", "rain", "wind", "rain", None]
    assert again.table.schema.field("fold").type == pa.string()


def test_a_folder_stands_for_the_manifest_in_it(tmp_path: Path) -> None:
    written(tmp_path, "path\na.wav\n")
    assert Manifest.read(tmp_path).paths() == [tmp_path / "a.wav"]
    with pytest.raises(DataError, match="holds no manifest"):
        Manifest.read(tmp_path.parent)


def test_labels_that_look_like_numbers_stay_text(tmp_path: Path) -> None:
    manifest = Manifest.read(written(tmp_path, "path,label,fold,rate,samplerate\n1,0,3,5,8000\n2,007,4,6.5,8000\n"))
    assert manifest.labels() == ["0", "007"]
    assert manifest.table.column_names == ["path", "label", "fold", "rate", "sample_rate"]
    assert manifest.values("rate").tolist() == [5.0, 6.5]


def test_types_do_not_depend_on_which_rows_come_first(tmp_path: Path) -> None:
    head, middle = "path,empty_first,text_last,whole_first\n", "x.wav,,1,1\n" * 200_000
    manifest = Manifest.read(written(tmp_path, head + middle + "y.wav,2.5,word,1.25\n"))
    kinds = [manifest.table.schema.field(name).type for name in ("empty_first", "text_last", "whole_first")]
    assert kinds == [pa.float64(), pa.string(), pa.float64()]
    assert manifest.values("empty_first")[-1] == 2.5
    assert np.isnan(manifest.values("empty_first")[0])


def test_a_large_table_lies_in_a_file_and_reads_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path, "path,rate\n" + "".join(f"{i}.wav,{i / 7}\n" for i in range(70_000)))
    small = Manifest.read(path)
    monkeypatch.setattr(tables, "_IN_MEMORY", 1000)
    before = pa.total_allocated_bytes()
    large = Manifest.read(path)
    assert pa.total_allocated_bytes() - before < 100_000
    assert large.table.equals(small.table)


@pytest.mark.parametrize("name", ["../a.wav", "x/../../a.wav", "..", "a/../../b/c.wav"])
@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_a_path_that_climbs_out_of_the_folder_is_refused(tmp_path: Path, name: str, suffix: str) -> None:
    Manifest.from_rows([{"path": "in/../a..b/..c.wav"}, {"path": name}], tmp_path).write(tmp_path / f"m.{suffix}")
    with pytest.raises(DataError, match=r"m\..*leads out of the manifest's folder"):
        Manifest.read(tmp_path / f"m.{suffix}")


def test_zero_bytes_and_missing_paths_are_refused(tmp_path: Path) -> None:
    pq.write_table(pa.table({"path": ["a\0b.wav"]}), tmp_path / "zero.parquet")
    with pytest.raises(DataError, match="leads out"):
        Manifest.read(tmp_path / "zero.parquet")
    with pytest.raises(DataError, match="row without a path"):
        Manifest.read(written(tmp_path, "path,label\na.wav,x\n,y\n"))


def test_written_elsewhere_paths_still_lead_to_the_files(tmp_path: Path) -> None:
    for folder in ("corpus/sub", "lists"):
        (tmp_path / folder).mkdir(parents=True)
    manifest = Manifest.from_rows([{"path": "sub/a.wav"}, {"path": "/abs/b.wav"}], tmp_path / "corpus")
    for place, names in (("", "corpus/sub/a.wav"), ("lists", str(tmp_path / "corpus/sub/a.wav"))):
        manifest.write(tmp_path / place / "m.csv")
        again = Manifest.read(tmp_path / place / "m.csv")
        assert again.table["path"].to_pylist() == [names, "/abs/b.wav"]
        assert again.path(0) == tmp_path / "corpus/sub/a.wav"


BROKEN = {
    "no header": ("", "is empty"),
    "no path": ("pth,label\na,b\n", "did you mean 'pth'"),
    "no rows": ("path,label\n", "has no rows"),
    "a short row": ("path,label\na.wav,x\nb.wav\n", "Expected 2 columns, got 1"),
    "twice the same name": ("path,rate,rate\na.wav,1,2\n", "two columns of one name"),
    "a rate in words": ("path,sample_rate\na.wav,fast\n", "cannot be read as a table"),
    "infinite": ("path,rate\na.wav,inf\n", "infinite"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_table_is_refused_with_file_and_reason(tmp_path: Path, case: str) -> None:
    text, reason = BROKEN[case]
    with pytest.raises(DataError, match=rf"manifest\.csv: .*{reason}"):
        Manifest.read(written(tmp_path, text))


def test_what_is_no_table_at_all_is_refused(tmp_path: Path) -> None:
    for name, data in (("x.parquet", b"PAR1 no"), ("x.csv", b"\xff\xfe\0p"), ("y.csv", b"RIFF\0\0\0\0WAVE\xff\n\0\0")):
        (tmp_path / name).write_bytes(data)
        with pytest.raises(DataError, match=name):
            Manifest.read(tmp_path / name)
    with pytest.raises(DataError, match="No such file"):
        Manifest.read(tmp_path / "none.csv")
    with pytest.raises(ParameterError, match="choose one of them"):
        Manifest.from_rows(ROWS, tmp_path).write(tmp_path / "m.xlsx")


def test_rows_are_chosen_by_position_mask_and_split() -> None:
    manifest = Manifest.from_rows(ROWS, Path("x"))
    assert manifest.select([3, 0]).labels() == ["rain", "wind"]
    assert manifest.select(np.array([True, False, False, False, True])).labels() == ["wind", None]
    assert manifest.split("test").paths() == [Path("x/wind/c.wav"), Path('x/rain/"d".wav')]
    with pytest.raises(DataError, match="did you mean 'train'"):
        manifest.split("trian")


def test_rows_of_a_table_in_batches_are_those_of_the_whole() -> None:
    table = pa.concat_tables([pa.table({"path": [f"{i}.wav" for i in range(n, n + 7)]}) for n in range(0, 28, 7)])
    manifest, rows = Manifest(table, Path("x")), [27, 0, 13, 0, 14, 7, 6]
    assert manifest.select(rows).table["path"].to_pylist() == [f"{row}.wav" for row in rows]
    assert manifest.select([]).rows == 0
    with pytest.raises((IndexError, pa.ArrowException)):
        manifest.select([28])


def test_parameters_are_numeric_columns_that_vary_within_a_label() -> None:
    schema = Manifest.from_rows([row | {"clip_id": i, "year": 1990 + i} for i, row in enumerate(ROWS)], Path()).schema()
    assert schema.labels == ("rain", "wind")
    assert schema.parameters == (
        Parameter(name="rate", label="rain", low=100, high=1000),
        Parameter(name="gust", label="wind", low=0.5, high=0.75),
    )


def test_parameters_can_be_named() -> None:
    manifest = Manifest.from_rows(ROWS, Path())
    assert [p.key for p in manifest.schema(["gust"]).parameters] == ["wind.gust"]
    with pytest.raises(DataError, match="did you mean 'gust'"):
        manifest.schema(["gusts"])


def test_without_labels_parameters_belong_to_all() -> None:
    schema = Manifest.from_rows([{"path": "a", "rate": 1}, {"path": "b", "rate": 3}], Path()).schema()
    assert schema == Schema((), (Parameter(name="rate", low=1, high=3),))


def test_units_ranges_and_scales_come_from_the_written_schema(tmp_path: Path) -> None:
    rate = {"name": "rate", "label": "rain", "unit": "drops/s", "low": 10, "high": 5000, "scale": "log"}
    (tmp_path / "schema.json").write_text(json.dumps({"labels": ["rain"], "parameters": [rate]}))
    schema = Manifest.from_rows(ROWS, tmp_path).schema()
    assert schema.parameters[0] == Parameter(**rate)
    assert schema.parameters[1].name == "gust"
    (tmp_path / "schema.json").write_text('{"parameters": [{"nam": 1}]}')
    with pytest.raises(DataError, match="is no schema"):
        Manifest.from_rows(ROWS, tmp_path).schema()


def test_conditions_are_each_rows_own_values_and_open_elsewhere() -> None:
    manifest = Manifest.from_rows(ROWS, Path())
    parameters = (
        Parameter(name="gust", label="wind", low=0, high=1),
        Parameter(name="rate", label="rain", low=10, high=1000, scale="log"),
        Parameter(name="depth", label="rain"),
    )
    asked = manifest.conditions(Schema(("rain", "snow", "wind"), parameters))
    assert asked.labels[:, 0].tolist() == [2, 0, 2, 0, -1]
    expected = [[0.5, math.nan], [math.nan, 0.5], [0.75, math.nan], [math.nan, 1.0], [math.nan, math.nan]]
    assert np.allclose(asked.values[:, 0, :2].numpy(), expected, equal_nan=True)
    assert asked.values[:, 0, 2].isnan().all()
    with pytest.raises(ParameterError, match=r"outside 0\.6…1"):
        manifest.conditions(Schema(("rain", "wind"), (Parameter(name="gust", label="wind", low=0.6, high=1),)))
    with pytest.raises(ParameterError, match="label 'rain' is unknown"):
        manifest.conditions(Schema(("wind",), ()))


def test_tracks_are_found_by_path(tmp_path: Path) -> None:
    table = {"path": ["a.wav", "b.wav", "a.wav"], "name": ["gust", "gust", "rate"], "rate": [100, 100, 50.0]}
    pq.write_table(pa.table({**table, "values": [[1.0, 2.0], [3.0], [4.0, 5.0, 6.0]]}), tmp_path / "tracks.parquet")
    manifest = Manifest.from_rows([{"path": "a.wav"}, {"path": "c.wav"}], tmp_path)
    found = manifest.track("a.wav")
    assert {name: (rate, values.tolist()) for name, (rate, values) in found.items()} == {
        "gust": (100.0, [1.0, 2.0]),
        "rate": (50.0, [4.0, 5.0, 6.0]),
    }
    assert manifest.track("c.wav") == {}
    assert Manifest.from_rows(ROWS, tmp_path / "elsewhere").track("a.wav") == {}
