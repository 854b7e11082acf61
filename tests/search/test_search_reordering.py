"""Soft tokenizers in the index: what they believe is kept, orders the nearest, and survives all that tokens survive."""

import logging
import shutil
from pathlib import Path

import numpy as np
import pytest
from search_fakes import SPEC, believed, melodies, soft_indexed, soft_scores, tokens

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
    nearest,
    query_string,
    rank,
    remove_from_index,
    search,
    shared_time,
    verify_index,
)
from smalti.search import passages as passages_of
from smalti.search.holds import sounding

SOUNDS = {f"s{i:02d}": believed(sound, seed=i) for i, sound in enumerate(melodies(14, tokens_each=9))}
HEARD = {f"s{i:02d}": believed(sound, seed=i, dim=5) for i, sound in enumerate(melodies(14, tokens_each=9))}
STEP = 1 / 16  # of the bytes that logarithms are kept as


def score(query: SoftTokens, found: SoftTokens) -> float:
    """Both ways, from what was believed."""
    ours, theirs = (collapse(one.tokens)[0].codes for one in (query, found))
    (one_way,), (other_way,) = (
        soft_scores([one.log_probabilities], [string])[0] for one, string in ((query, theirs), (found, ours))
    )
    return float(one_way + other_way)


def answers(folder: Path, **settings: object) -> list[list[Hit]]:
    index = SearchIndex.open(folder)
    return [search(index, query, SearchSettings(top=5, **settings)) for query in list(HEARD.values())[::3]]


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
        assert hit.soft_score == pytest.approx(soft_scores([query.log_probabilities], [codes])[0, 0])


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
    soft_indexed(tmp_path / "once", HEARD)
    for name, sound in {**HEARD, "x": believed([1, 2, 3], dim=5), "empty": believed([], dim=5)}.items():
        soft_indexed(tmp_path / "pieces", {name: sound})
    remove_from_index(tmp_path / "pieces", ["x", "empty"])
    assert answers(tmp_path / "pieces") == answers(tmp_path / "once") and verify_index(tmp_path / "pieces") == []
    monkeypatch.setattr(building, "_MOST_SMALL", 0)
    for folder in ("once", "pieces"):
        soft_indexed(tmp_path / folder, {"x": believed([1, 2, 3], dim=5)})
    one, other = (
        {path.name: path.read_bytes() for path in (tmp_path / name).rglob("*.bytes")} for name in ("once", "pieces")
    )
    frames = 3 + sum(len(sound.log_probabilities) for sound in HEARD.values())
    assert one == other and len(one["posteriors.bytes"]) == SPEC.vocab * frames
    assert len(one["moments.bytes"]) == 12 * 5 * (1 + len(HEARD))


@pytest.mark.parametrize("name", ["posteriors.bytes", "moments.bytes"])
def test_damaged_frames_are_named_and_heard_again(tmp_path, caplog, name):
    soft_indexed(tmp_path / "i", HEARD)
    wanted = answers(tmp_path / "i")
    (path,) = (tmp_path / "i" / "segments").rglob(name)
    data = path.read_bytes()
    for damaged in (data[:-1], data[:100] + bytes([data[100] ^ 1]) + data[101:]):
        with replaced(path, damaged):
            assert [f"{name} is damaged" in said for said in verify_index(tmp_path / "i")] == [True]
            shutil.copytree(tmp_path / "i", tmp_path / "mended")
        with caplog.at_level(logging.WARNING):
            report = soft_indexed(tmp_path / "mended", HEARD)
        assert "heard again" in caplog.text and report.added == 14 and answers(tmp_path / "mended") == wanted
        shutil.rmtree(tmp_path / "mended")


@pytest.mark.parametrize("step", [23, pytest.param(1, marks=pytest.mark.faults)])
def test_killed_at_any_moment_it_goes_on_to_the_same_bytes(tmp_path, step):
    few = dict(list(HEARD.items())[:4])

    def bytes_of(folder: Path) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in sorted((folder / "segments").glob("*/*.*"))}

    soft_indexed(tmp_path / "whole", few)
    wanted, number = bytes_of(tmp_path / "whole"), 0
    assert set(wanted) == {"moments.bytes", "passages.arrow", "posteriors.bytes", "recordings.arrow"}
    while dies(lambda: soft_indexed(tmp_path / "cut", few), number):
        soft_indexed(tmp_path / "cut", few)
        assert bytes_of(tmp_path / "cut") == wanted and verify_index(tmp_path / "cut") == []
        shutil.rmtree(tmp_path / "cut")
        number += step
    assert number > 60


def test_beliefs_that_do_not_fit_their_tokens_are_refused(tmp_path):
    with pytest.raises(ParameterError, match="give both of one sound"):
        SoftTokens(tokens([1, 2, 3]), np.zeros((2, SPEC.vocab)))
    with pytest.raises(ParameterError, match="acoustics of 2 frames"):
        SoftTokens(tokens([1, 2, 3]), np.zeros((3, SPEC.vocab)), np.zeros((2, 5)))
    with pytest.raises(ParameterError, match="wanted at least 1"):
        SearchSettings(soft=-1)
    with pytest.raises(ParameterError, match="choose a new folder"):
        soft_indexed(tmp_path, SOUNDS)
        soft_indexed(tmp_path, SOUNDS, soft=False)
    assert add_to_index(tmp_path, SPEC, [], lambda rows: []).recordings == 14


def test_frames_that_only_repeat_their_neighbour_at_the_ends_do_not_count() -> None:
    rows = np.array([[1, 2], [1, 2], [3, 4], [3, 4], [5, 6], [7, 8], [7, 8], [7, 8]], np.uint8)
    assert sounding(rows, np.array([8])).tolist() == [[1, 6]]
    assert sounding(rows[:2], np.array([2])).tolist() == [[0, 1]]
    together = sounding(rows[[0, 1, 2, 0, 1, 4, 5, 6, 7]], np.array([3, 0, 2, 1, 3]))  # none looks at the next one
    assert together.tolist() == [[1, 3], [3, 3], [3, 4], [5, 6], [6, 7]]


def test_held_ends_change_no_score_of_a_recording_or_a_query(tmp_path: Path) -> None:
    def held(sound: SoftTokens, times: int) -> SoftTokens:
        ends = np.concatenate([np.zeros(times, int), np.arange(len(sound.log_probabilities)), np.full(2 * times, -1)])
        return SoftTokens(tokens(sound.tokens.codes[0, 0].numpy()[ends]), sound.log_probabilities[ends])

    soft_indexed(tmp_path / "bare", SOUNDS)
    soft_indexed(tmp_path / "held", {name: held(one, 3) for name, one in SOUNDS.items()})
    bare, index = SearchIndex.open(tmp_path / "bare"), SearchIndex.open(tmp_path / "held")
    for name, query in list(SOUNDS.items())[::4]:
        wanted = {hit.path: hit.soft_score for hit in search(bare, query, SearchSettings(top=14))}
        for times in (0, 2):
            asked = held(query, times)
            assert {hit.path: hit.soft_score for hit in search(index, asked, SearchSettings(top=14))} == wanted
        assert max(wanted, key=lambda path: wanted[path]) == name


def test_shards_and_segments_are_scored_as_one(tmp_path: Path) -> None:
    names = list(SOUNDS)
    soft_indexed(tmp_path / "one", SOUNDS)
    for shard in range(3):
        soft_indexed(tmp_path / str(shard), {name: SOUNDS[name] for name in names[shard::3]})
    one, shards = SearchIndex.open(tmp_path / "one"), [SearchIndex.open(tmp_path / str(shard)) for shard in range(3)]
    for query in list(SOUNDS.values())[::3]:
        for settings in (SearchSettings(soft=6), SearchSettings(inside=True), SearchSettings(soft=0)):
            assert search(shards, query, settings) == search(one, query, settings)


def test_lots_decide_which_of_equals_are_scored_and_never_their_place_in_a_file(tmp_path: Path) -> None:
    codes = np.array([3, 3, 8, 1, 1])
    soft_indexed(tmp_path, {f"r{number:02d}": believed(codes, seed=number) for number in range(12)})
    index, scored = SearchIndex.open(tmp_path), set()
    for seed in range(12):
        settings = SearchSettings(top=12, soft=4, seed=seed)
        hits = search(index, believed(codes, seed=50), settings)
        assert [hit.soft_score is None for hit in hits] == [False] * 4 + [True] * 8
        assert hits == search(index, believed(codes, seed=50), settings)
        scored.add(frozenset(hit.path for hit in hits[:4]))
    assert len(scored) > 6 and len(frozenset().union(*scored)) == 12


def test_equal_soft_scores_are_told_apart_by_distance_and_then_drawn(tmp_path: Path) -> None:
    long = np.arange(30)  # more tokens than the query has frames: as likely as nothing
    sounds = {f"far{number}": believed(long + 5, seed=1) for number in range(4)}
    sounds |= {f"near{number}": believed(long, seed=1) for number in range(4)}
    soft_indexed(tmp_path, sounds)
    index, query, orders = SearchIndex.open(tmp_path), believed([0, 1, 2]), set()
    for seed in range(10):
        hits = search(index, query, SearchSettings(seed=seed))
        assert {hit.soft_score for hit in hits} == {-np.inf}
        assert [hit.path[:3] for hit in hits] == ["nea"] * 4 + ["far"] * 4
        orders.add(tuple(hit.path for hit in hits))
    assert len(orders) > 4


def test_a_large_segment_answers_as_a_small_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    soft_indexed(tmp_path, SOUNDS)
    wanted = answers(tmp_path, soft=3)
    monkeypatch.setattr(passages_of, "_FEW", 0)
    assert answers(tmp_path, soft=3) == wanted


def test_ordering_leaves_what_it_was_given_as_it_was(tmp_path: Path) -> None:
    soft_indexed(tmp_path, SOUNDS)
    index, query = SearchIndex.open(tmp_path), SOUNDS["s02"]
    string = query_string([index], query)
    piles = [(one.passages, np.arange(len(one))) for one in index.segments]
    found = nearest.by_distance(piles, string, 14, inside=False)
    first = nearest.nearest(found, 14, string, asked=5, second=shared_time, seed=0)
    scored = nearest.reordered(first, np.arange(5.0), string, seed=0)
    assert np.isnan(found.soft).all() and np.isnan(first.soft).all() and not found.second.any()
    assert scored.soft[:5].tolist() == [4, 3, 2, 1, 0] and np.isnan(scored.soft[5:]).all()
