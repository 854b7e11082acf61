"""Soft tokenizers in the index: what they believe is kept, orders the nearest, and survives all that tokens survive."""

import logging
import shutil
from pathlib import Path

import numpy as np
import pytest
from search_fakes import SPEC, believed, melodies, soft_indexed, tokens

from faults.damage import replaced
from faults.kills import dies
from smalti.core import ParameterError
from smalti.search import (
    Hit,
    SearchIndex,
    SearchSettings,
    SoftTokens,
    add_to_index,
    building,
    collapse,
    rank,
    recording_scores,
    remove_from_index,
    search,
    string_scores,
    verify_index,
)

SOUNDS = {f"s{i:02d}": believed(sound, seed=i) for i, sound in enumerate(melodies(14, tokens_each=9))}
STEP = 1 / 16  # of the bytes that logarithms are kept as


def score(query: SoftTokens, found: SoftTokens) -> float:
    """Both ways, from what was believed."""
    ours, theirs = (collapse(one.tokens)[0].codes for one in (query, found))
    one_way = string_scores(query.log_probabilities, [theirs])[0]
    return float(one_way + recording_scores([found.log_probabilities], ours)[0])


def answers(folder: Path, **settings: object) -> list[list[Hit]]:
    index = SearchIndex.open(folder)
    return [search(index, query, SearchSettings(top=5, **settings)) for query in list(SOUNDS.values())[::3]]


def test_the_order_is_that_of_the_soft_score_both_ways(tmp_path):
    soft_indexed(tmp_path, SOUNDS)
    index, query = SearchIndex.open(tmp_path), believed(np.roll(melodies(14, tokens_each=9)[4], 3), seed=77)
    hits = search(index, query, SearchSettings(top=14))
    wanted = {name: score(query, sound) for name, sound in SOUNDS.items()}
    for hit in hits:
        assert hit.soft_score == pytest.approx(wanted[hit.path], abs=STEP)
    assert [hit.soft_score for hit in hits] == sorted((hit.soft_score for hit in hits), reverse=True)
    assert [hit.score for hit in hits] != sorted((hit.score for hit in hits), reverse=True)
    plain = search(index, query.tokens, SearchSettings(top=14))
    assert plain == search(index, query, SearchSettings(top=14, soft=0))
    assert [hit.score for hit in plain] == sorted((hit.score for hit in hits), reverse=True)
    assert {hit.soft_score for hit in plain} == {None}


def test_only_the_nearest_are_put_in_order_and_the_rest_follow(tmp_path):
    soft_indexed(tmp_path, SOUNDS)
    index, query = SearchIndex.open(tmp_path), SOUNDS["s03"]
    few = search(index, query, SearchSettings(top=14, soft=5))
    assert [hit.soft_score is None for hit in few] == [False] * 5 + [True] * 9
    plain = search(index, query.tokens, SearchSettings(top=14))
    assert {hit.path for hit in few[:5]} == {hit.path for hit in plain[:5]}
    assert [hit.path for hit in few[5:]] == [hit.path for hit in plain[5:]]
    assert few[:3] == search(index, query, SearchSettings(top=3, soft=5))
    ranked = rank([index], query, SearchSettings(soft=5))
    assert [passages.path(row) for passages, row in ranked.places] == [hit.path for hit in few]
    assert ranked.groups.tolist()[:5] == [0, 1, 2, 3, 4]


def test_a_doubted_token_decides_where_edits_do_not(tmp_path):
    codes = np.array([3, 3, 8, 8, 1, 1])
    one, other = np.where(codes == 8, 20, codes), np.where(codes == 8, 30, codes)
    soft_indexed(tmp_path, {"one": believed(one), "other": believed(other)}, soft=False)
    for doubted, wanted in ((20, "one"), (30, "other")):
        logits = np.full((6, SPEC.vocab), -9.0)
        logits[np.arange(6), codes], logits[2:4, doubted] = 0.0, -1.0
        query = SoftTokens(tokens(codes), logits - np.logaddexp.reduce(logits, axis=1, keepdims=True))
        hits = search(SearchIndex.open(tmp_path), query)
        assert hits[0].edit_distance == hits[1].edit_distance == 1 and hits[0].path == wanted


def test_without_posteriors_of_the_recordings_one_way_is_asked(tmp_path):
    soft_indexed(tmp_path, SOUNDS, soft=False)
    assert not list(tmp_path.rglob("posteriors*"))
    query = believed(melodies(20, tokens_each=9)[17], seed=5)
    for hit in search(SearchIndex.open(tmp_path), query):
        codes = collapse(SOUNDS[hit.path].tokens)[0].codes
        assert hit.soft_score == pytest.approx(string_scores(query.log_probabilities, [codes])[0])


def test_a_place_in_a_long_recording_scores_as_it_would_alone(tmp_path):
    parts = list(SOUNDS.values())
    codes = np.concatenate([part.tokens.codes[0, 0].numpy() for part in parts])
    beliefs = np.concatenate([part.log_probabilities for part in parts])
    soft_indexed(tmp_path, {"a": SOUNDS["s01"], "long": SoftTokens(tokens(codes), beliefs)}, window=24, hop=12)
    for number in (0, 6, 13):
        (hit, *_) = search(SearchIndex.open(tmp_path), parts[number], SearchSettings(top=1))
        assert hit.path == "long" and hit.score == 1
        assert hit.soft_score == pytest.approx(score(parts[number], parts[number]), abs=STEP)
    longer = SoftTokens(tokens(codes[20:]), beliefs[20:])  # more tokens than a window
    (hit, *_) = search(SearchIndex.open(tmp_path), longer, SearchSettings(top=1))
    first, end = (round(second * SPEC.sample_rate / SPEC.hop) for second in (hit.start, hit.end))
    part = SoftTokens(tokens(codes[first:end]), beliefs[first:end])
    assert hit.path == "long" and hit.query_tokens == 24
    assert hit.soft_score == pytest.approx(score(part, part), abs=STEP)


def test_the_order_of_recordings_and_the_company_of_others_change_no_score(tmp_path):
    names = list(SOUNDS)
    soft_indexed(tmp_path / "one", SOUNDS)
    soft_indexed(tmp_path / "other", {name: SOUNDS[name] for name in names[::-1]})
    assert answers(tmp_path / "one") == answers(tmp_path / "other")
    soft_indexed(tmp_path / "few", {name: SOUNDS[name] for name in names[4:6]})
    (hit, *_) = search(SearchIndex.open(tmp_path / "few"), SOUNDS["s04"])
    (same, *_) = search(SearchIndex.open(tmp_path / "one"), SOUNDS["s04"])
    assert hit.soft_score == same.soft_score


def test_added_piece_by_piece_and_taken_out_again_it_is_the_same_to_the_byte(tmp_path, monkeypatch):
    monkeypatch.setattr(building, "_MOST_SMALL", 2)
    soft_indexed(tmp_path / "once", SOUNDS)
    for name, sound in {**SOUNDS, "x": believed([1, 2, 3]), "empty": believed([])}.items():
        soft_indexed(tmp_path / "pieces", {name: sound})
    remove_from_index(tmp_path / "pieces", ["x", "empty"])
    assert answers(tmp_path / "pieces") == answers(tmp_path / "once") and verify_index(tmp_path / "pieces") == []
    monkeypatch.setattr(building, "_MOST_SMALL", 0)
    for folder in ("once", "pieces"):
        soft_indexed(tmp_path / folder, {"x": believed([1, 2, 3])})
    one, other = (
        {path.name: path.read_bytes() for path in (tmp_path / name).rglob("*.bytes")} for name in ("once", "pieces")
    )
    assert one == other and len(one["posteriors.bytes"]) == SPEC.vocab * (
        3 + sum(len(sound.log_probabilities) for sound in SOUNDS.values())
    )


def test_damaged_posteriors_are_named_and_heard_again(tmp_path, caplog):
    soft_indexed(tmp_path / "i", SOUNDS)
    wanted = answers(tmp_path / "i")
    (path,) = (tmp_path / "i" / "segments").rglob("posteriors.bytes")
    data = path.read_bytes()
    for damaged in (data[:-1], data[:100] + bytes([data[100] ^ 1]) + data[101:]):
        with replaced(path, damaged):
            assert ["posteriors.bytes is damaged" in said for said in verify_index(tmp_path / "i")] == [True]
            shutil.copytree(tmp_path / "i", tmp_path / "mended")
        with caplog.at_level(logging.WARNING):
            report = soft_indexed(tmp_path / "mended", SOUNDS)
        assert "heard again" in caplog.text and report.added == 14 and answers(tmp_path / "mended") == wanted
        shutil.rmtree(tmp_path / "mended")


@pytest.mark.parametrize("step", [23, pytest.param(1, marks=pytest.mark.faults)])
def test_killed_at_any_moment_it_goes_on_to_the_same_bytes(tmp_path, step):
    few = dict(list(SOUNDS.items())[:4])

    def bytes_of(folder: Path) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in sorted((folder / "segments").glob("*/*.*"))}

    soft_indexed(tmp_path / "whole", few)
    wanted, number = bytes_of(tmp_path / "whole"), 0
    assert set(wanted) == {"passages.arrow", "posteriors.bytes", "recordings.arrow"}
    while dies(lambda: soft_indexed(tmp_path / "cut", few), number):
        soft_indexed(tmp_path / "cut", few)
        assert bytes_of(tmp_path / "cut") == wanted and verify_index(tmp_path / "cut") == []
        shutil.rmtree(tmp_path / "cut")
        number += step
    assert number > 60


def test_beliefs_that_do_not_fit_their_tokens_are_refused(tmp_path):
    with pytest.raises(ParameterError, match="give both of one sound"):
        SoftTokens(tokens([1, 2, 3]), np.zeros((2, SPEC.vocab)))
    with pytest.raises(ParameterError, match="wanted at least 1"):
        SearchSettings(soft=-1)
    with pytest.raises(ParameterError, match="choose a new folder"):
        soft_indexed(tmp_path, SOUNDS)
        soft_indexed(tmp_path, SOUNDS, soft=False)
    assert add_to_index(tmp_path, SPEC, [], lambda rows: []).recordings == 14
