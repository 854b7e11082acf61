"""The recordings that come with smalti are whole, free, and split by author."""

from smalti.audio import inspect
from smalti.data import Manifest
from smalti.data.recordings import recordings_folder


def test_every_clip_is_listed_whole_and_sounds() -> None:
    folder = recordings_folder()
    manifest = Manifest.read(folder)
    assert sorted(manifest.paths()) == sorted(folder.rglob("*.ogg"))
    for path, seconds in zip(manifest.paths(), manifest.values("seconds"), strict=True):
        report = inspect(path)
        assert report.flags == ()
        assert abs(report.seconds - seconds) < 0.002


def test_all_are_cc0_and_their_authors_named() -> None:
    folder = recordings_folder()
    table = Manifest.read(folder).table
    assert set(table["licence"].to_pylist()) == {"CC0-1.0"}
    credits_ = (folder / "ATTRIBUTION.md").read_text(encoding="utf-8")
    assert all(row["path"] in credits_ and row["author"] in credits_ for row in table.to_pylist())


def test_test_clips_are_by_other_authors_and_every_label_has_both_splits() -> None:
    manifest = Manifest.read(recordings_folder())
    train, test = manifest.split("train"), manifest.split("test")
    assert (train.rows, test.rows) == (16, 5)
    assert set(train.labels()) == set(test.labels())
    assert len(set(train.labels())) == 5
    assert not set(train.table["author"].to_pylist()) & set(test.table["author"].to_pylist())


def test_the_folder_stays_small() -> None:
    assert sum(path.stat().st_size for path in recordings_folder().rglob("*") if path.is_file()) <= 2**21
