"""Preparing: good and bad together are all, each once; nothing outside is followed; what was known is kept."""

import os
import struct
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import soundfile

from smalti.core import DataError, ParameterError
from smalti.data import CORPORA, Manifest, prepare
from smalti.data.prepare import PrepareChoices

SHARED = Path(__file__).parents[2].parent / "shared" / "data" / "malformed"


def sound(path: Path, frames: int = 4000, *, cut: int = 0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    tone = 0.4 * np.sin(np.arange(frames) * (0.05 + frames / 1e6))
    soundfile.write(path, tone, 8000, format="WAV")
    if cut:
        os.truncate(path, cut)


def files_of(report_rows: tuple[dict[str, str], ...]) -> list[str]:
    return [row["path"] for row in report_rows]


def test_good_and_bad_are_all_and_each_is_listed_once(tmp_path: Path) -> None:
    root = tmp_path / "corpus"
    sound(root / "dog" / "a.wav")
    sound(root / "dog" / "deep" / "b.WAV", 8000)
    sound(root / "cat" / "cut.wav", cut=3000)
    sound(root / "no suffix")
    sound(root / "folder.wav" / "inside.wav")
    sound(root / ".hidden" / "c.wav")
    (root / "dog" / "text.wav").write_text("not sound")
    (root / "notes.txt").write_text("not sound either, and not named so")
    (root / "list.csv").write_text("path\nx\n")
    report = prepare(root, tmp_path / "m.csv", max_bad=0.5, workers=2)
    manifest = Manifest.read(tmp_path / "m.csv")
    assert manifest.table["path"].to_pylist() == [
        f"corpus/{name}" for name in ("cat/cut.wav", "dog/a.wav", "dog/deep/b.WAV", "no suffix")
    ]
    assert manifest.labels() == ["cat", "dog", "dog", None]
    assert manifest.table["flags"].to_pylist() == ["cut-short", None, None, None]
    assert report.failed == ({"path": "dog/text.wav", "reason": "is plain text, not sound"},)
    assert report.flagged == ({"path": "cat/cut.wav", "flags": ["cut-short"]},)
    assert report.files == 4
    assert not report.too_many_bad
    assert report.audio_seconds == pytest.approx(manifest.values("seconds").sum())


def test_too_many_bad_files_write_nothing(tmp_path: Path) -> None:
    for number in range(4):
        sound(tmp_path / "corpus" / f"{number}.wav")
    (tmp_path / "corpus" / "bad.wav").write_bytes(b"")
    assert prepare(tmp_path / "corpus", tmp_path / "m.csv", max_bad=0.19).too_many_bad
    assert not (tmp_path / "m.csv").exists()
    assert not prepare(tmp_path / "corpus", tmp_path / "m.csv", max_bad=0.2).too_many_bad
    for number in range(4):
        (tmp_path / "corpus" / f"{number}.wav").unlink()
    assert prepare(tmp_path / "corpus", tmp_path / "none.csv", max_bad=1).too_many_bad
    assert not (tmp_path / "none.csv").exists()


def test_the_same_folder_gives_the_same_bytes_for_any_number_of_workers(tmp_path: Path) -> None:
    for number in range(9):
        sound(tmp_path / "corpus" / f"{number % 3}" / f"{number}.wav", 2000 + number)
    for workers in (1, 3):
        prepare(tmp_path / "corpus", tmp_path / f"{workers}.csv", workers=workers)
    assert (tmp_path / "1.csv").read_bytes() == (tmp_path / "3.csv").read_bytes()


def test_links_out_of_the_folder_are_not_followed(tmp_path: Path) -> None:
    sound(tmp_path / "outside" / "secret.wav")
    sound(tmp_path / "corpus" / "own.wav")
    (tmp_path / "corpus" / "link.wav").symlink_to(tmp_path / "outside" / "secret.wav")
    (tmp_path / "corpus" / "folder").symlink_to(tmp_path / "outside")
    (tmp_path / "corpus" / "loop.wav").symlink_to("loop.wav")
    (tmp_path / "corpus" / "same.wav").symlink_to("own.wav")
    report = prepare(tmp_path / "corpus", tmp_path / "m.csv", max_bad=1)
    assert files_of(report.failed) == ["link.wav", "loop.wav"]
    assert "not followed" in report.failed[0]["reason"]
    assert report.files == 2


def test_a_name_no_table_can_hold_is_reported(tmp_path: Path) -> None:
    sound(tmp_path / "corpus" / "ok 'ü',\n.wav")
    sound(tmp_path / "corpus" / "b.wav")
    (tmp_path / "corpus" / "b.wav").rename(tmp_path / "corpus" / b"latin-\xe9.wav".decode("utf-8", "surrogateescape"))
    report = prepare(tmp_path / "corpus", tmp_path / "m.csv", max_bad=1)
    assert [row["reason"] for row in report.failed] == [
        "its name is not valid UTF-8, so no table can hold it; rename it"
    ]
    assert Manifest.read(tmp_path / "m.csv").path(0).is_file()


def test_a_labelled_manifest_in_the_folder_is_kept_and_completed(tmp_path: Path) -> None:
    root = tmp_path / "corpus"
    for name in ("a.wav", "b.wav", "new.wav"):
        sound(root / name)
    rows = [
        {"path": "./b.wav", "label": "7", "fold": 3, "gust": 0.25, "seconds": 99.0, "author": "x, y"},
        {"path": "a.wav", "label": "8", "fold": 4, "gust": 0.5, "seconds": 99.0, "author": None},
        {"path": "gone.wav", "label": "8", "fold": 4, "gust": 0.75, "seconds": 1.0, "author": None},
    ]
    Manifest.from_rows(rows, root).write(root / "manifest.csv")
    report = prepare(root, tmp_path / "m.csv", max_bad=0.5)
    table = Manifest.read(tmp_path / "m.csv").table
    kept = table.select(["path", "label", "fold", "gust", "author", "seconds"]).to_pylist()
    assert [tuple(row.values()) for row in kept] == [
        ("corpus/a.wav", "8", "4", 0.5, None, 0.5),
        ("corpus/b.wav", "7", "3", 0.25, "x, y", 0.5),
        ("corpus/new.wav", None, None, None, None, 0.5),
    ]
    assert files_of(report.failed) == ["gone.wav"]


def test_a_table_without_labels_does_no_harm(tmp_path: Path) -> None:
    sound(tmp_path / "corpus" / "dog" / "a.wav")
    (tmp_path / "corpus" / "manifest.csv").write_text("path,sf_rate\n../../etc/passwd,1\n")
    prepare(tmp_path / "corpus", tmp_path / "m.csv")
    table = Manifest.read(tmp_path / "m.csv").table
    assert table.to_pylist()[0]["label"] == "dog"
    assert "sf_rate" not in table.column_names


def test_progress_is_told_for_every_file(tmp_path: Path) -> None:
    for number in range(3):
        sound(tmp_path / "corpus" / f"{number}.wav")
    told: list[tuple[int, int]] = []
    prepare(tmp_path / "corpus", tmp_path / "m.csv", progress=lambda done, total: told.append((done, total)))
    assert told == [(1, 3), (2, 3), (3, 3)]


def test_impossible_requests_are_refused(tmp_path: Path) -> None:
    sound(tmp_path / "corpus" / "a.wav")
    with pytest.raises(ParameterError, match="did you mean 'esc50'"):
        prepare(tmp_path / "corpus", tmp_path / "m.csv", corpus="esc-50")
    with pytest.raises(ParameterError, match="workers=0"):
        prepare(tmp_path / "corpus", tmp_path / "m.csv", workers=0)
    with pytest.raises(DataError, match="is not there"):
        prepare(tmp_path / "nowhere", tmp_path / "m.csv")
    with pytest.raises(DataError, match="esc50"):
        prepare(tmp_path / "corpus", tmp_path / "m.csv", corpus="esc50")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="holds no recordings"):
        prepare(tmp_path / "empty", tmp_path / "m.csv")


def test_a_header_that_claims_gigabytes_costs_none(tmp_path: Path) -> None:
    sound(tmp_path / "corpus" / "a.wav")
    data = bytearray((tmp_path / "corpus" / "a.wav").read_bytes())
    data[40:44] = struct.pack("<I", 2**32 - 16)
    (tmp_path / "corpus" / "a.wav").write_bytes(data)
    tracemalloc.start()
    report = prepare(tmp_path / "corpus", tmp_path / "m.csv")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert report.flagged[0]["flags"] == ["cut-short"]
    assert peak < 10_000_000


def two(tmp_path: Path) -> list[Path]:
    for number in range(8):
        sound(tmp_path / "one" / "dog" / f"{number}.wav", 3000 + number)
        sound(tmp_path / "two" / f"{number}.wav", 3000 + number)
    rows = [{"path": f"{n}.wav", "label": "rain", "source_id": n // 2, "gust": n / 8} for n in range(8)]
    Manifest.from_rows(rows, tmp_path / "two").write(tmp_path / "two" / "manifest.csv")
    return [tmp_path / "one", tmp_path / "two"]


def test_several_sources_become_one_table(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    report = prepare(two(tmp_path), tmp_path / "m.csv", progress=lambda done, total: told.append((done, total)))
    assert report.files == 16 and told[-1] == (16, 16) and len(told) == 16
    manifest = Manifest.read(tmp_path / "m.csv")
    assert all(path.is_file() for path in manifest.paths())
    rows = manifest.table.select(["path", "label", "gust"]).to_pylist()
    assert rows[1] == {"path": "one/dog/1.wav", "label": "dog", "gust": None}
    assert rows[9] == {"path": "two/1.wav", "label": "rain", "gust": 0.125}
    assert manifest.table["set"].to_pylist() == ["one"] * 8 + ["two"] * 8
    prepare(two(tmp_path), tmp_path / "elsewhere" / "m.csv")
    outside = Manifest.read(tmp_path / "elsewhere" / "m.csv")
    assert [path.resolve() for path in outside.paths()] == [path.resolve() for path in manifest.paths()]


def test_a_share_of_several_sources_is_held_out_group_by_group(tmp_path: Path) -> None:
    prepare(two(tmp_path), tmp_path / "m.csv", choices=PrepareChoices(hold_out=0.25))
    test = Manifest.read(tmp_path / "m.csv").split("test").table.to_pylist()
    assert [row["label"] for row in test].count("dog") == 2  # none of which has a source_id: each stands alone
    assert len({row["source_id"] for row in test if row["label"] == "rain"}) == 1
    assert [row["label"] for row in test].count("rain") == 2


def test_bad_ones_of_several_sources_are_named_with_their_source_and_counted_together(tmp_path: Path) -> None:
    sources = two(tmp_path)
    (tmp_path / "two" / "bad.wav").write_text("no sound")
    report = prepare(sources, tmp_path / "m.csv", max_bad=1 / 17)
    assert files_of(report.failed) == [str(tmp_path / "two" / "bad.wav")] and not report.too_many_bad
    assert prepare(sources, tmp_path / "n.csv", max_bad=1 / 18).too_many_bad


def test_sources_that_hold_the_same_recording_are_refused(tmp_path: Path) -> None:
    two(tmp_path)
    with pytest.raises(DataError, match="in two of the sources"):
        prepare([tmp_path / "one", tmp_path / "one" / "dog"], tmp_path / "m.csv")
    with pytest.raises(ParameterError, match="found no source"):
        prepare([], tmp_path / "m.csv")


@pytest.mark.shared
@pytest.mark.skipif(not SHARED.exists(), reason="the recordings beside the repository are not here")
def test_the_malformed_recordings_are_prepared_each_once(tmp_path: Path) -> None:
    report = prepare(SHARED, tmp_path / "m.csv", max_bad=1)
    found = [
        *files_of(report.failed),
        *(str(p.relative_to(SHARED.resolve())) for p in Manifest.read(tmp_path / "m.csv").paths()),
    ]
    assert len(found) == len(set(found)) == len(list(CORPORA["folders"](SHARED)))
    assert Manifest.read(tmp_path / "m.csv").schema().parameters == ()
