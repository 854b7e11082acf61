"""Every layout that people hold gives its rows: path, label, split, fold, parameters."""

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from smalti.core import DataError
from smalti.data import CORPORA, Manifest, prepare
from smalti.data.waveforms import ManifestRecordings


def put(root: Path, files: dict[str, str]) -> Path:
    """Write files; an empty text becomes a short sound."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if text:
            path.write_text(text, encoding="utf-8")
        else:
            soundfile.write(path, 0.1 * np.sin(np.arange(1000)), 8000, format="WAV")
    return root


def rows_of(corpus: str, root: Path) -> list[tuple[object, ...]]:
    return [tuple(row.values()) for row in CORPORA[corpus](root)]


def test_folders_are_labels(tmp_path: Path) -> None:
    put(tmp_path, {"dog/a.wav": "", "cat/deep/b.wav": "", "c.wav": ""})
    assert rows_of("folders", tmp_path) == [
        ("c.wav", None, None),
        ("cat/deep/b.wav", "cat", None),
        ("dog/a.wav", "dog", None),
    ]


def test_folders_named_like_splits_are_splits(tmp_path: Path) -> None:
    put(tmp_path, {"train/dog/a.wav": "", "Val/cat/b.wav": "", "test/c.wav": ""})
    assert rows_of("folders", tmp_path) == [
        ("Val/cat/b.wav", "cat", "valid"),
        ("test/c.wav", None, "test"),
        ("train/dog/a.wav", "dog", "train"),
    ]


def test_esc50_keeps_category_and_fold(tmp_path: Path) -> None:
    head = "filename,fold,target,category,esc10,src_file,take\n"
    put(tmp_path, {"meta/esc50.csv": head + "1-100032-A-0.wav,1,0,dog,True,100032,A\n", "audio/1-100032-A-0.wav": ""})
    assert rows_of("esc50", tmp_path) == [("audio/1-100032-A-0.wav", "dog", "1", "100032")]
    prepare(tmp_path, tmp_path / "m.parquet", corpus="esc50")
    assert Manifest.read(tmp_path / "m.parquet").table.to_pylist()[0]["fold"] == "1"


def test_fsd50k_keeps_splits_and_all_labels(tmp_path: Path) -> None:
    put(
        tmp_path,
        {
            "FSD50K.ground_truth/dev.csv": 'fname,labels,mids,split\n64760,"Guitar,Music",/m,train\n7,Rain,/m,val\n',
            "FSD50K.ground_truth/eval.csv": 'fname,labels,mids\n9,"Bark,Dog",/m/4\n',
        },
    )
    assert rows_of("fsd50k", tmp_path) == [
        ("FSD50K.dev_audio/64760.wav", "Guitar", "train", "Guitar,Music"),
        ("FSD50K.dev_audio/7.wav", "Rain", "valid", "Rain"),
        ("FSD50K.eval_audio/9.wav", "Bark", "test", "Bark,Dog"),
    ]


def test_of_fsd50k_only_its_own_training_part_is_learnt_from(tmp_path: Path) -> None:
    truth = "FSD50K.ground_truth"
    put(
        tmp_path,
        {
            f"{truth}/dev.csv": "fname,labels,mids,split\n1,Rain,/m,train\n2,Rain,/m,val\n3,Rain,/m,odd\n",
            f"{truth}/eval.csv": "fname,labels,mids\n4,Rain,/m\n",
            f"{truth}/vocabulary.csv": "0,Rain,/m\n",
            **{f"FSD50K.dev_audio/{number}.wav": "" for number in (1, 2, 3)},
            "FSD50K.eval_audio/4.wav": "",
        },
    )
    prepare(tmp_path, tmp_path / "m.csv", corpus="fsd50k")
    manifest = Manifest.read(tmp_path / "m.csv")
    assert manifest.table["split"].to_pylist() == ["train", "valid", "odd", "test"]
    assert ManifestRecordings(manifest, 8000).trains == [True, False, False, False]


def test_vas_takes_labels_from_folders_and_splits_from_lists(tmp_path: Path) -> None:
    put(
        tmp_path,
        {
            "dog/videos/video_1.wav": "",
            "gun/video_2.wav": "",
            "vas_train.txt": "dog/video_1\n",
            "vas_valid.txt": "gun/video_2\n",
        },
    )
    assert rows_of("vas", tmp_path) == [("dog/videos/video_1.wav", "dog", "train"), ("gun/video_2.wav", "gun", "valid")]


def test_defect_11_a_missing_list_of_vas_is_an_error_that_names_it(tmp_path: Path) -> None:
    """The reference printed a line and crashed later."""
    put(tmp_path, {"dog/a.wav": "", "vas_train.txt": "dog/a\n"})
    with pytest.raises(DataError, match=r"holds no vas_valid\.txt, nor do the two folders above"):
        rows_of("vas", tmp_path)


def test_defect_13_names_with_dots_survive_and_pictures_are_called_as_their_sound(tmp_path: Path) -> None:
    """The reference cut names at their first dot."""
    lists = {"data/vas_train.txt": "dog/a.b.c\n", "data/vas_valid.txt": "gun/d.e\n"}
    features = "data/features/{}/melspec_10s_22050hz/{}_mel.npy"
    put(tmp_path, {**lists, features.format("dog", "a.b.c"): "x", features.format("gun", "d.e"): "x"})
    found = rows_of("vas", tmp_path / "data" / "features")
    assert [row[1:] for row in found] == [("dog", "train"), ("gun", "valid")]


def test_defects_11_and_14_classes_keep_their_numbers_whichever_clips_are_there(tmp_path: Path) -> None:
    """The reference numbered the classes that it happened to find."""
    put(tmp_path, {"c/gun/x.wav": "", "c/vas_train.txt": "dog/a\ngun/x\n", "c/vas_valid.txt": "baby/b\n"})
    prepare(tmp_path / "c", tmp_path / "m.csv", corpus="vas")
    manifest = Manifest.read(tmp_path / "m.csv")
    assert manifest.rows == 1 and manifest.schema().labels == ("baby", "dog", "gun")
    put(tmp_path, {"v/a_1000_11000.wav": "", "v/vggsound.csv": "a,1,rain,test\nb,1,bees,train\n"})
    prepare(tmp_path / "v", tmp_path / "vgg" / "m.csv", corpus="vggsound")
    assert Manifest.read(tmp_path / "vgg" / "m.csv").schema().labels == ("bees", "rain")


def test_vggsound_takes_pictures_and_names_a_missing_list(tmp_path: Path) -> None:
    put(tmp_path, {"vggsound.csv": "a,1,rain,test\n", "f/melspec_10s_22050hz/a_1000_11000_mel.npy": "x"})
    found = rows_of("vggsound", tmp_path / "f" / "melspec_10s_22050hz")
    assert found == [("a_1000_11000_mel.npy", "rain", "test")]
    put(tmp_path / "other" / "a" / "b", {"a.wav": ""})
    (tmp_path / "vggsound.csv").unlink()
    with pytest.raises(DataError, match=r"holds no vggsound\.csv"):
        rows_of("vggsound", tmp_path / "other" / "a" / "b")


def test_vggsound_finds_clips_under_both_names(tmp_path: Path) -> None:
    table = '---g-f_I2yQ,1,"people, marching",test\n-0A_tjWn3,30,cow lowing,train\nmissing,5,x,train\n'
    put(tmp_path, {"vggsound.csv": table, "---g-f_I2yQ_000001.wav": "", "v/-0A_tjWn3_30000_40000.wav": ""})
    assert rows_of("vggsound", tmp_path) == [
        ("---g-f_I2yQ_000001.wav", "people, marching", "test"),
        ("v/-0A_tjWn3_30000_40000.wav", "cow lowing", "train"),
    ]


SHEET = [
    ["Full File Name", "Class Name", "rate_exp", "x"],
    ["p--1.wav", "Pistons", 0.5, 1],
    ["w--1.wav", "Wind", None, 2],
]


@pytest.mark.parametrize("suffix", ["csv", "xlsx"])
def test_syntex_sheets_give_classes_and_parameters(tmp_path: Path, suffix: str) -> None:
    put(tmp_path, {"p--1.wav": "", "w--1.wav": ""})
    if suffix == "csv":
        lines = [",".join("" if cell is None else str(cell) for cell in row) for row in SHEET]
        (tmp_path / "data.csv").write_text("\n".join(lines) + "\n")
    else:
        book = pytest.importorskip("openpyxl").Workbook()
        for row in SHEET:
            book.active.append(row)
        book.save(tmp_path / "data.xlsx")
    assert rows_of("syntex", tmp_path) == [("p--1.wav", "Pistons", 0.5, 1), ("w--1.wav", "Wind", None, 2)]
    prepare(tmp_path / f"data.{suffix}", tmp_path / "out.csv", corpus="syntex")
    assert Manifest.read(tmp_path / "out.csv").values("rate_exp")[0] == 0.5


def test_fairseq_lists_are_read_with_their_root(tmp_path: Path) -> None:
    put(
        tmp_path,
        {"wavs/x/a.wav": "", "train.tsv": f"{tmp_path / 'wavs'}\nx/a.wav\t16000\n", "valid.tsv": "/r\nb.wav\t9\n"},
    )
    assert rows_of("fairseq", tmp_path) == [(str(tmp_path / "wavs/x/a.wav"), "train"), ("/r/b.wav", "valid")]
    assert prepare(tmp_path / "train.tsv", tmp_path / "m.csv", corpus="fairseq").files == 1


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (["a.wav", "b.wav"], [("a.wav", None), ("b.wav", None)]),
        ({"do": ["a.wav"], "re": ["b.wav", "c.wav"]}, [("a.wav", "do"), ("b.wav", "re"), ("c.wav", "re")]),
    ],
)
def test_wav2tok_lists_and_dicts_are_read_as_json(tmp_path: Path, content: object, expected: object) -> None:
    (tmp_path / "data.json").write_text(json.dumps(content))
    assert rows_of("wav2tok", tmp_path) == expected


@pytest.mark.parametrize("text", ["\x80\x04pickle", '{"do": "a.wav"}', "[1, 2]", '"a.wav"'])
def test_a_list_of_another_kind_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "data.json").write_text(text, encoding="latin-1")
    with pytest.raises(DataError, match=r"data\.json"):
        prepare(tmp_path, tmp_path / "m.csv", corpus="wav2tok")


@pytest.mark.parametrize(
    ("train", "test", "expected"),
    [
        (["a.wav"], ["b.wav"], [("a.wav", None, "train"), ("b.wav", None, "test")]),
        ({"do": ["a.wav"]}, {"do": ["b.wav"]}, [("a.wav", "do", "train"), ("b.wav", "do", "test")]),
        ([], ["b.wav"], [("b.wav", None, "test")]),
    ],
)
def test_both_cases_of_wav2tok_keep_their_splits(tmp_path: Path, train: object, test: object, expected: object) -> None:
    (tmp_path / "audios.json").write_text(json.dumps([train, test]))
    assert rows_of("wav2tok", tmp_path) == expected


def test_a_recording_in_both_splits_is_refused(tmp_path: Path) -> None:
    (tmp_path / "audios.json").write_text(json.dumps([["a.wav", "b.wav"], {"do": ["b.wav"]}]))
    with pytest.raises(DataError, match=r"lists b\.wav to learn from and to test"):
        rows_of("wav2tok", tmp_path)


@pytest.mark.parametrize("named", ["", "audios.bin"])
def test_a_pickled_list_is_refused_and_told_how_to_become_json(tmp_path: Path, named: str) -> None:
    (tmp_path / "audios.bin").write_bytes(b"\x80\x04]\x94.")
    with pytest.raises(DataError, match=r"audios\.bin: pickles are never read.*json\.dump"):
        rows_of("wav2tok", tmp_path / named)


def test_paths_of_a_list_that_climb_out_are_not_followed(tmp_path: Path) -> None:
    put(tmp_path, {"secret.wav": "", "corpus/a.wav": "", "corpus/data.json": '["a.wav", "../secret.wav"]'})
    report = prepare(tmp_path / "corpus", tmp_path / "m.csv", corpus="wav2tok", max_bad=1)
    assert [row["path"] for row in report.failed] == ["../secret.wav"]
