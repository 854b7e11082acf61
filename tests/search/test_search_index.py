"""The index on disk: made whole, added to, taken from, killed, damaged, and never of two kinds of tokens."""

import json
import logging
import os
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from search_fakes import SPEC, indexed, melodies, tokens

from faults.damage import flips, replaced, temps_of
from faults.kills import dies
from smalti.core import ParameterError, SpecError, StoreError
from smalti.search import (
    Entry,
    IndexSettings,
    SearchIndex,
    SearchSettings,
    add_to_index,
    building,
    contents,
    query,
    remove_from_index,
    search,
    verify_index,
)
from smalti.store import lock

SOUNDS = {f"{'abc'[i % 3]}{i:02d}": sound for i, sound in enumerate(melodies(11))}
QUERIES = [np.delete(sound, slice(9, 14)) for sound in SOUNDS.values()]


def answers(folder: Path, **settings: object) -> list[object]:
    index = SearchIndex.open(folder)
    return [search(index, tokens(query), SearchSettings(top=5, **settings)) for query in QUERIES]


def test_what_is_indexed_is_found_with_its_label_and_its_seconds(tmp_path):
    report = indexed(tmp_path / "i", SOUNDS)
    assert (report.recordings, report.added, report.kept, report.failed) == (11, 11, 0, ())
    assert report.samples == sum(len(sound) * SPEC.hop for sound in SOUNDS.values())
    for hits, (name, sound) in zip(answers(tmp_path / "i"), SOUNDS.items(), strict=True):
        assert (hits[0].path, hits[0].label, hits[0].start) == (name, name[0], 0.0)
        assert hits[0].end == pytest.approx(len(sound) * SPEC.hop / SPEC.sample_rate)
    assert verify_index(tmp_path / "i") == [] and temps_of(tmp_path) == []


def test_the_same_command_again_hears_nothing_and_changes_nothing(tmp_path):
    indexed(tmp_path / "i", SOUNDS)
    before = (tmp_path / "i" / "index.json").read_bytes()
    report = indexed(tmp_path / "i", SOUNDS)
    assert (report.added, report.kept, report.samples) == (0, 11, 0)
    assert (tmp_path / "i" / "index.json").read_bytes() == before


def test_added_piece_by_piece_and_taken_out_again_it_answers_like_one_made_at_once(tmp_path, monkeypatch):
    monkeypatch.setattr(building, "_MOST_SMALL", 2)
    indexed(tmp_path / "once", SOUNDS)
    for name, sound in {**SOUNDS, "x": SOUNDS["a00"], "y": SOUNDS["b01"]}.items():
        indexed(tmp_path / "pieces", {name: sound})
    assert answers(tmp_path / "pieces") != answers(tmp_path / "once")
    report = remove_from_index(tmp_path / "pieces", ["y", "x"])
    assert (report.recordings, report.removed) == (11, 2)
    assert answers(tmp_path / "pieces") == answers(tmp_path / "once")
    assert len(SearchIndex.open(tmp_path / "pieces").segments) <= 3 and verify_index(tmp_path / "pieces") == []


def test_a_changed_recording_takes_the_place_of_the_old_one(tmp_path):
    indexed(tmp_path / "i", SOUNDS)
    report = indexed(tmp_path / "i", {"a00": SOUNDS["b01"]})
    assert (report.recordings, report.added) == (11, 1)
    hits = search(SearchIndex.open(tmp_path / "i"), tokens(SOUNDS["b01"]), SearchSettings(top=2))
    assert {hit.path for hit in hits} == {"a00", "b01"} and [hit.score for hit in hits] == [1, 1]


def test_what_cannot_be_heard_is_listed_and_tried_again(tmp_path):
    entries = [Entry("good"), Entry("bad")]
    for _ in range(2):
        report = add_to_index(tmp_path, SPEC, entries, lambda rows: [[tokens([1, 2]), "cut"][row] for row in rows])
        assert report.failed == (("bad", "cut"),) and report.recordings == 1


def test_a_long_recording_becomes_overlapping_windows_and_large_segments_are_split(tmp_path, monkeypatch):
    monkeypatch.setattr(building, "MOST_PASSAGES", 4)
    report = indexed(
        tmp_path, {f"a{i}": np.tile(sound, 2) for i, sound in enumerate(SOUNDS.values())}, window=16, hop=8
    )
    assert report.recordings == 11 and report.passages == 11 * 4
    assert len(SearchIndex.open(tmp_path).segments) == 11


@pytest.mark.parametrize("step", [19, pytest.param(1, marks=pytest.mark.faults)])
def test_killed_at_any_moment_it_goes_on_to_the_same_answers(tmp_path, step):
    few = dict(list(SOUNDS.items())[:4])
    indexed(tmp_path / "whole", few)
    wanted = answers(tmp_path / "whole")
    number = 0
    while dies(lambda: indexed(tmp_path / "cut", few), number):
        if (tmp_path / "cut" / "index.json").exists():
            assert answers(tmp_path / "cut") == wanted
        indexed(tmp_path / "cut", few)
        assert answers(tmp_path / "cut") == wanted and verify_index(tmp_path / "cut") == []
        assert temps_of(tmp_path / "cut") == []
        shutil.rmtree(tmp_path / "cut")
        number += step
    assert number > 60


def test_killed_again_over_what_a_kill_left_the_index_stays_readable(tmp_path, monkeypatch):
    few = dict(list(SOUNDS.items())[:4])
    with monkeypatch.context() as patched:
        patched.setattr(building.shutil, "rmtree", lambda *_, **__: None)
        indexed(tmp_path / "left", few)
    assert list((tmp_path / "left" / "staged").iterdir())
    wanted, number = answers(tmp_path / "left"), 0
    shutil.copytree(tmp_path / "left", tmp_path / "cut")
    while dies(lambda: indexed(tmp_path / "cut", few), number):
        assert answers(tmp_path / "cut") == wanted
        shutil.rmtree(tmp_path / "cut")
        shutil.copytree(tmp_path / "left", tmp_path / "cut")
        number += 2
    assert number > 5 and answers(tmp_path / "cut") == wanted and verify_index(tmp_path / "cut") == []


def test_a_killed_addition_leaves_the_old_index_as_it_was_and_keeps_what_was_heard(tmp_path):
    names = list(SOUNDS)
    indexed(tmp_path, {name: SOUNDS[name] for name in names[:4]})
    before = answers(tmp_path)

    def stop(rows):
        if rows[0] >= 6:
            raise KeyboardInterrupt
        return [tokens(SOUNDS[names[row]]) for row in rows]

    entries = [Entry(name, label=name[0], digest=str(hash(SOUNDS[name].tobytes()))) for name in names]
    with pytest.raises(KeyboardInterrupt):
        add_to_index(tmp_path, SPEC, entries, stop, group=1)
    assert answers(tmp_path) == before
    report = indexed(tmp_path, SOUNDS)
    assert (report.recordings, report.added, report.kept) == (11, 5, 6)


def test_a_second_writer_is_refused_by_name(tmp_path):
    indexed(tmp_path, SOUNDS)
    with lock(tmp_path):
        for work in (lambda: indexed(tmp_path, SOUNDS), lambda: remove_from_index(tmp_path, ["a00"])):
            with pytest.raises(StoreError, match=f"in use by process {os.getpid()}"):
                work()
    assert len(answers(tmp_path)) == 11


def test_every_damaged_file_is_named_and_the_same_command_mends_it(tmp_path, caplog):
    indexed(tmp_path, SOUNDS)
    wanted = answers(tmp_path)
    (segment,) = (tmp_path / "segments").iterdir()
    files = [path for path in segment.rglob("*") if path.is_file() and not path.name.endswith(".lock")]
    assert len(files) > 6
    for number, path in enumerate(sorted(files)):
        (data,) = flips(path.read_bytes(), count=1, seed=number) if path.stat().st_size else (b"x",)
        with replaced(path, data):
            assert [path.name in said for said in verify_index(tmp_path)] == [True]
            with pytest.raises(StoreError, match=path.name):
                SearchIndex.open(tmp_path)
            shutil.copytree(tmp_path, tmp_path.parent / "mended", dirs_exist_ok=True)
        with caplog.at_level(logging.WARNING):
            indexed(tmp_path.parent / "mended", SOUNDS)
        assert path.name in caplog.text and answers(tmp_path.parent / "mended") == wanted
        assert verify_index(tmp_path.parent / "mended") == []
        shutil.rmtree(tmp_path.parent / "mended")


def test_a_damaged_or_foreign_index_file_is_named(tmp_path):
    indexed(tmp_path / "i", SOUNDS)
    path = tmp_path / "i" / "index.json"
    for data in flips(path.read_bytes(), count=12, seed=1):
        with replaced(path, data):
            with pytest.raises(StoreError, match=r"index\.json is damaged"):
                SearchIndex.open(tmp_path / "i")
            assert "index.json is damaged" in verify_index(tmp_path / "i")[0]
    (tmp_path / "other").mkdir()
    with pytest.raises(StoreError, match="is no search index"):
        SearchIndex.open(tmp_path / "other")
    (tmp_path / "other" / "index.json").write_text(json.dumps({"spec": 1}))
    with pytest.raises(StoreError, match="of another kind"):
        SearchIndex.open(tmp_path / "other")
    with pytest.raises(StoreError, match="of another kind"):
        indexed(tmp_path / "other", SOUNDS)
    (tmp_path / "third").mkdir()
    (tmp_path / "third" / "notes.txt").write_text("mine")
    with pytest.raises(StoreError, match=r"holds something else than an index \(notes.txt\)"):
        indexed(tmp_path / "third", SOUNDS)


def test_foreign_tokens_and_other_settings_are_refused_before_anything_is_heard(tmp_path):
    indexed(tmp_path, SOUNDS)
    other = replace(SPEC, tokenizer="other")
    with pytest.raises(SpecError, match="belong to another tokenizer"):
        add_to_index(tmp_path, other, [Entry("x")], lambda rows: pytest.fail("heard"))
    with pytest.raises(SpecError, match="belong to another tokenizer"):
        search(SearchIndex.open(tmp_path), tokens([1, 2, 3], other))
    with pytest.raises(ParameterError, match="choose a new folder"):
        indexed(tmp_path, SOUNDS, window=32)
    with pytest.raises(SpecError, match="belong to another tokenizer"):
        add_to_index(tmp_path, SPEC, [Entry("x")], lambda rows: [tokens([1, 2], other)])


def test_what_cannot_be_is_refused_in_words(tmp_path):
    with pytest.raises(ParameterError, match="given twice"):
        add_to_index(tmp_path, SPEC, [Entry("x"), Entry("x")], lambda rows: [])
    with pytest.raises(ParameterError, match="1 results for 2"):
        add_to_index(tmp_path, SPEC, [Entry("x"), Entry("y")], lambda rows: [tokens([1])])
    with pytest.raises(ParameterError, match="leave gaps"):
        IndexSettings(window=4, hop=5)
    indexed(tmp_path, SOUNDS)
    with pytest.raises(ParameterError, match="no recording 'zz'"):
        remove_from_index(tmp_path, ["a00", "zz"])
    assert len(SearchIndex.open(tmp_path)) == 11


def test_runs_of_any_length_keep_their_time_when_segments_are_joined(tmp_path, monkeypatch):
    monkeypatch.setattr(building, "_MOST_SMALL", 2)
    runs = {"x": np.repeat([3, 4], [2, 300]), "y": np.repeat([5, 6], [7, 70_000]), "z": np.repeat([8, 9], [1, 2])}
    for name, sound in runs.items():
        indexed(tmp_path, {name: sound})
    index = SearchIndex.open(tmp_path)
    assert len(index.segments) == 1
    for name, sound in runs.items():
        (hit,) = search(index, tokens(sound), SearchSettings(top=1))
        assert (hit.path, hit.end) == (name, pytest.approx(len(sound) * SPEC.hop / SPEC.sample_rate))


def test_a_sound_of_no_tokens_is_kept_but_never_found(tmp_path):
    for _ in range(2):
        report = indexed(tmp_path / "empty", {"nothing": np.zeros(0, np.int64)})
        assert (report.recordings, report.passages) == (1, 0)
    assert search(SearchIndex.open(tmp_path / "empty"), tokens([1, 2, 3])) == []
    indexed(tmp_path / "some", {**SOUNDS, "nothing": np.zeros(0, np.int64)})
    assert len(search(SearchIndex.open(tmp_path / "some"), tokens([1, 2, 3]), SearchSettings(top=20))) == 11
    report = remove_from_index(tmp_path / "some", [*SOUNDS, "nothing"])
    assert (report.recordings, report.removed) == (0, 12) and verify_index(tmp_path / "some") == []
    assert search(SearchIndex.open(tmp_path / "some"), tokens([1, 2, 3])) == []


def test_whoever_opens_while_another_writes_gets_the_old_or_the_new_state(tmp_path, monkeypatch):
    indexed(tmp_path, {name: SOUNDS[name] for name in list(SOUNDS)[:4]})
    old = contents.load_contents(tmp_path)
    indexed(tmp_path, SOUNDS)
    remove_from_index(tmp_path, ["a00"])  # the old segments are gone
    answers_of = iter([old])
    monkeypatch.setattr(query, "load_contents", lambda folder: next(answers_of, contents.load_contents(folder)))
    assert len(SearchIndex.open(tmp_path)) == 10
