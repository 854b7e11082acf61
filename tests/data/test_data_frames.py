"""Data frames that are wrong as people's are: every slip is named, and no class ever changes its number by it."""

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from smalti.core import DataError, ParameterError
from smalti.data import Manifest, prepare
from smalti.data.prepare import PrepareChoices, PrepareReport

HEAD = "Full File Name,Class Name,rate_exp\n"
TRAINING = "p1.wav,Pistons,0\np2.wav,Pistons,1\nw1.wav,Wind,0.2\nw2.wav,Wind,0.8\n"
VALID = "p3.wav,Pistons,0.5\nw3.wav,Wind,0.5\n"


def lay_out(root: Path, training: str = TRAINING, valid: str = VALID, *, head: str = HEAD) -> Path:
    """Two sheets with their clips in folders of the same names."""
    for name, lines in (("train", training), ("valid", valid)):
        (root / f"{name}.csv").write_text(head + lines, encoding="utf-8")
        (root / name).mkdir(exist_ok=True)
        for line in lines.splitlines():
            file = line.split(",")[0]
            if file:
                soundfile.write(root / name / file, 0.1 * np.sin(np.arange(800)), 8000, format="WAV")
    return root


def prepared(root: Path) -> tuple[PrepareReport, Manifest]:
    choices = PrepareChoices(validation=(root / "valid.csv",))
    report = prepare(root / "train.csv", root / "out" / "m.csv", corpus="syntex", max_bad=0.9, choices=choices)
    return report, Manifest.read(root / "out" / "m.csv")


def reasons(report: PrepareReport) -> str:
    return " | ".join(note["reason"] for note in report.notes)


def test_two_sheets_become_one_manifest_and_one_schema(tmp_path: Path) -> None:
    report, manifest = prepared(lay_out(tmp_path))
    assert report.files == 6 and report.notes == ()
    assert manifest.split("test").labels() == ["Pistons", "Wind"] and manifest.split("train").rows == 4
    schema = manifest.schema()
    assert schema.labels == ("Pistons", "Wind")
    assert [(p.key, p.low, p.high, p.scale) for p in schema.parameters] == [
        ("Pistons.rate_exp", 0.0, 1.0, "lin"),
        ("Wind.rate_exp", 0.2, 0.8, "lin"),
    ]
    assert manifest.conditions(schema).values[:, 0].nan_to_num(-1).tolist()[-1] == [-1, 0.5]


def test_a_class_that_the_validation_sheet_lacks_shifts_no_number_and_is_named(tmp_path: Path) -> None:
    report, manifest = prepared(lay_out(tmp_path, valid="w3.wav,Wind,0.5\n"))
    held = manifest.split("test")
    assert held.conditions(manifest.schema()).labels.tolist() == [[1]]
    assert "is of Pistons; these keep their numbers" in reasons(report)


def test_a_class_that_the_training_sheet_lacks_is_refused_with_the_nearest(tmp_path: Path) -> None:
    lay_out(tmp_path, valid="w3.wav,Winds,0.5\n")
    with pytest.raises(DataError, match=r"w3\.wav is of class 'Winds', which is not in .*did you mean 'Wind'"):
        prepared(tmp_path)
    assert not (tmp_path / "out" / "m.csv").exists()


def test_white_space_makes_no_class_of_its_own_and_is_named(tmp_path: Path) -> None:
    report, manifest = prepared(lay_out(tmp_path, valid="p3.wav,Pistons ,0.5\nw3.wav, Wind,0.5\n"))
    assert set(manifest.labels()) == {"Pistons", "Wind"}
    assert "class 'Pistons' is also written 'Pistons ' (row 2)" in reasons(report)
    assert "class 'Wind' is also written ' Wind' (row 3)" in reasons(report)


def test_a_manifest_whose_labels_differ_in_white_space_is_refused(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text("path,label\na.wav,sol\nb.wav,sol \n")
    with pytest.raises(DataError, match="labels 'sol' and 'sol ' differ only in white space"):
        Manifest.read(tmp_path / "m.csv").schema()


@pytest.mark.parametrize(
    ("training", "words"),
    [
        ("p1.wav,Pistons,0\np2.wav,pistons,1\n", r"'Pistons' \(row 2\) and 'pistons' \(row 3\) differ only in case"),
        ("p1.wav,Pistons,0\np2.wav,,1\n", "row 3 has no 'Class Name'"),
        ("p1.wav,Pistons,0\n,Pistons,1\n", "row 3 has no 'Full File Name'"),
        ("p1.wav,Pistons,0\np2.wav,Pistons,a lot\n", "column 'rate_exp' holds 'a lot' in row 3, wanted a number"),
        ("p1.wav,Pistons,0\np1.wav,Wind,1\n", r"p1\.wav stands in rows 2 and 3"),
        ("p1.wav,Pistons,0\np2.wav,Pistons,inf\n", "holds 'inf' in row 3"),
    ],
)
def test_a_row_that_cannot_be_meant_is_refused_by_its_number(tmp_path: Path, training: str, words: str) -> None:
    lay_out(tmp_path, training)
    with pytest.raises(DataError, match=words):
        prepared(tmp_path)


def test_a_sheet_without_its_columns_names_the_nearest(tmp_path: Path) -> None:
    lay_out(tmp_path, head="Full Filename,Class Name,rate_exp\n")
    with pytest.raises(DataError, match=r"no column 'Full File Name'.*did you mean 'Full Filename'"):
        prepared(tmp_path)


@pytest.mark.parametrize("mark", [";", "\t"])
def test_a_sheet_that_is_set_apart_by_other_marks_is_told_so(tmp_path: Path, mark: str) -> None:
    (tmp_path / "sheet.csv").write_text(mark.join(("Full File Name", "Class Name")) + f"\na.wav{mark}Wind\n")
    with pytest.raises(DataError, match=r"set apart by '(;|\\t)', wanted commas; save it so, or as \.xlsx"):
        prepare(tmp_path / "sheet.csv", tmp_path / "m.csv", corpus="syntex")


def test_a_workbook_that_is_none_is_refused(tmp_path: Path) -> None:
    pytest.importorskip("openpyxl")
    (tmp_path / "sheet.xlsx").write_bytes(b"PK\3\4 and nothing else")
    with pytest.raises(DataError, match=r"sheet\.xlsx: cannot be read as an Excel sheet"):
        prepare(tmp_path / "sheet.xlsx", tmp_path / "m.csv", corpus="syntex")
    with pytest.raises(DataError, match=r"is no folder; name one that holds recordings, or say whose list it is"):
        prepare(tmp_path / "sheet.xlsx", tmp_path / "m.csv")


def test_values_outside_what_is_learnt_from_are_refused_by_their_file(tmp_path: Path) -> None:
    lay_out(tmp_path, valid="w3.wav,Wind,0.9\n")
    with pytest.raises(DataError, match=r"w3\.wav has Wind\.rate_exp=0\.9, wanted 0\.2…0\.8"):
        prepared(tmp_path)


def declare(root: Path, *parameters: dict[str, object], labels: list[str] | None = None) -> None:
    (root / "schema.json").write_text(json.dumps({"labels": labels or [], "parameters": parameters}))


def test_a_declared_schema_gives_ranges_and_numbers(tmp_path: Path) -> None:
    declare(
        tmp_path, {"name": "rate_exp", "label": "Wind", "low": 0, "high": 2}, labels=["Applause", "Pistons", "Wind"]
    )
    _, manifest = prepared(lay_out(tmp_path, "w1.wav,Wind,0.2\nw2.wav,Wind,0.8\n", "w3.wav,Wind,1\n"))
    schema = manifest.schema()
    assert schema.labels == ("Applause", "Pistons", "Wind")
    assert manifest.split("test").conditions(schema).values.item() == 0.5


@pytest.mark.parametrize(
    ("owners", "words"),
    [
        ([{"label": "Wind", "high": 0.5}, {"label": "Pistons"}], r"w2\.wav has Wind\.rate_exp=0\.8, wanted 0…0\.5"),
        (
            [{"label": "Wind"}],
            r"p1\.wav has a 'rate_exp' that varies in class Pistons, but schema\.json gives it to Wind",
        ),
    ],
)
def test_what_contradicts_a_declared_schema_is_refused(
    tmp_path: Path, owners: list[dict[str, object]], words: str
) -> None:
    declare(tmp_path, *({"name": "rate_exp", **owner} for owner in owners))
    lay_out(tmp_path)
    with pytest.raises(DataError, match=words):
        prepared(tmp_path)


def test_a_class_that_a_declared_schema_does_not_know_is_refused(tmp_path: Path) -> None:
    declare(tmp_path, labels=["Pistons", "Winds"])
    lay_out(tmp_path)
    with pytest.raises(
        DataError, match=r"w1\.wav is of class 'Wind', which is not in schema\.json; did you mean 'Winds'"
    ):
        prepared(tmp_path)


def test_cells_that_only_fill_a_column_are_no_parameter(tmp_path: Path) -> None:
    head = "Full File Name,Class Name,rate,force\n"
    training = "p1.wav,Pistons,1,0\np2.wav,Pistons,2,0\nw1.wav,Wind,0,3\nw2.wav,Wind,0,4\n"
    declare(tmp_path, {"name": "rate", "label": "Pistons", "low": 1, "high": 4, "scale": "log"})
    _, manifest = prepared(lay_out(tmp_path, training, "p3.wav,Pistons,4,0\n", head=head))
    assert [p.key for p in manifest.schema().parameters] == ["Pistons.rate", "Wind.force"]


def test_a_parameter_that_a_schema_gives_to_no_class_is_of_all(tmp_path: Path) -> None:
    declare(tmp_path, {"name": "rate_exp", "label": None})
    _, manifest = prepared(lay_out(tmp_path))
    assert [p.key for p in manifest.schema().parameters] == ["rate_exp"]
    assert not manifest.conditions(manifest.schema()).values.isnan().any()


def test_a_missing_clip_is_listed_and_its_class_keeps_its_number(tmp_path: Path) -> None:
    lay_out(tmp_path)
    for name in ("p1.wav", "p2.wav"):
        (tmp_path / "train" / name).unlink()
    lay = tmp_path / "valid.csv"
    lay.write_text(HEAD + "w3.wav,Wind,0.5\n")
    report, manifest = prepared(tmp_path)
    assert [row["path"].rsplit("/", 1)[-1] for row in report.failed] == ["p1.wav", "p2.wav"]
    assert manifest.schema().labels == ("Pistons", "Wind")
    assert manifest.split("test").conditions(manifest.schema()).labels.item() == 1


def test_dummy_columns_that_contradict_the_file_names_are_told(tmp_path: Path) -> None:
    head = "Full File Name,Class Name,Param1,foo\n"
    named = "DSWind--strength-00.{}--c-00--x-{}.wav"
    training = f"{named.format(50, 90)},Wind,1,0.2\n{named.format(25, 91)},Wind,0.25,0.3\n"
    report, _ = prepared(lay_out(tmp_path, training, f"{named.format(50, 95)},Wind,0.5,0.25\n", head=head))
    assert "the names of 1 files carry another 'strength' than their rows" in reasons(report)
    assert "x-90.wav (row 2) has Param1=1.0, foo=0.2" in reasons(report)


def test_clips_are_found_below_the_sheet_unless_two_have_the_name(tmp_path: Path) -> None:
    lay_out(tmp_path)
    (tmp_path / "train").rename(tmp_path / "clips")
    report, manifest = prepared(tmp_path)
    assert report.failed == () and manifest.path(0).is_file()
    lay_out(tmp_path)
    (tmp_path / "train").rename(tmp_path / "others")
    with pytest.raises(DataError, match=r"p1\.wav lies in several folders \(clips/p1\.wav, others/p1\.wav\)"):
        prepared(tmp_path)


def test_a_clip_is_in_one_of_two_sheets(tmp_path: Path) -> None:
    lay_out(tmp_path, valid=TRAINING)
    for path in (tmp_path / "valid").iterdir():
        path.unlink()
    with pytest.raises(DataError, match="is in two of the sources"):
        prepared(tmp_path)


def test_sources_kept_out_and_a_share_to_keep_out_exclude_each_other(tmp_path: Path) -> None:
    choices = PrepareChoices(validation=(tmp_path,), hold_out=0.1)
    with pytest.raises(ParameterError, match="give one or the other"):
        prepare(tmp_path, tmp_path / "m.csv", choices=choices)


def test_other_layouts_keep_whole_sources_out_too(tmp_path: Path) -> None:
    for place in ("a/dog/1.wav", "a/cat/2.wav", "b/cat/3.wav"):
        (tmp_path / place).parent.mkdir(parents=True)
        soundfile.write(tmp_path / place, 0.1 * np.sin(np.arange(800)), 8000, format="WAV")
    report = prepare(tmp_path / "a", tmp_path / "m.csv", choices=PrepareChoices(validation=(tmp_path / "b",)))
    manifest = Manifest.read(tmp_path / "m.csv")
    assert dict(zip(manifest.labels(), manifest.table["split"].to_pylist(), strict=True))["dog"] == "train"
    assert manifest.split("test").labels() == ["cat"] and manifest.schema().labels == ("cat", "dog")
    assert "dog" in reasons(report)
