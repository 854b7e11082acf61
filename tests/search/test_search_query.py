"""Answers: the nearest first, ties without favour, places inside long recordings, shards as one."""

from itertools import pairwise

import numpy as np
import pytest
from search_fakes import SPEC, indexed, melodies, tokens

from smalti.core import ParameterError
from smalti.search import (
    SearchIndex,
    SearchSettings,
    SecondScore,
    collapse,
    rank,
    search,
    shared_time,
)

SOUNDS = {f"{'abc'[i % 3]}{i:03d}": sound for i, sound in enumerate(melodies(150, tokens_each=17))}


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> SearchIndex:
    folder = tmp_path_factory.mktemp("search") / "index"
    indexed(folder, SOUNDS)
    return SearchIndex.open(folder)


def edited(sound: np.ndarray, seed: int) -> np.ndarray:
    """Two tokens of a melody replaced, one gone."""
    codes = np.array(collapse(tokens(sound))[0].codes)
    generator = np.random.default_rng(seed)
    codes[generator.choice(len(codes), 2, replace=False)] = generator.integers(0, SPEC.vocab, 2)
    return np.delete(codes, generator.integers(len(codes)))


def test_few_candidates_find_what_all_would(index):
    few, everything = SearchSettings(top=1, candidates=20), SearchSettings(top=1, exhaustive=True)
    for seed, (name, sound) in enumerate(SOUNDS.items()):
        query = tokens(edited(sound, seed))
        assert search(index, query, few) == search(index, query, everything)
        assert search(index, query, few)[0].path == name


def test_the_score_is_one_less_edits_per_token_and_why_is_told(index):
    sound = SOUNDS["a006"]
    codes = collapse(tokens(sound))[0].codes
    (same,) = search(index, tokens(sound), SearchSettings(top=1))
    assert (same.score, same.edit_distance, same.shared_ngrams, same.tokens) == (1, 0, 16, 17)
    (other,) = search(index, tokens(np.delete(codes, 8)), SearchSettings(top=1))
    assert (other.score, other.edit_distance) == (1 - 1 / 17, 1)
    assert other.shared_ngrams in (14, 15) and other.query_tokens == 16


def test_a_place_inside_a_long_recording_is_found_to_the_frame(tmp_path):
    parts = list(SOUNDS.values())[:40]
    indexed(tmp_path, {"long": np.concatenate(parts), "z": SOUNDS["c104"]})
    index = SearchIndex.open(tmp_path)
    begins = np.cumsum([0, *map(len, parts)]) * SPEC.hop / SPEC.sample_rate
    for number in (0, 7, 20, 39):
        (hit, *_) = search(index, tokens(parts[number]), SearchSettings(top=4))
        assert hit.path == "long" and hit.score == 1
        assert (hit.start, hit.end) == pytest.approx((begins[number], begins[number + 1]))


def test_overlapping_windows_give_one_hit(tmp_path):
    parts = list(SOUNDS.values())[:12]
    indexed(tmp_path, {"long": np.concatenate(parts)}, window=32, hop=1)
    hits = search(SearchIndex.open(tmp_path), tokens(parts[5]), SearchSettings(top=6))
    assert len(hits) == 6 and hits[0].score == 1 > hits[1].score
    spans = sorted((hit.start, hit.end) for hit in hits)
    assert all(end <= start for (_, end), (start, _) in pairwise(spans))


def test_whole_recordings_and_places_in_long_ones_are_measured_alike(tmp_path):
    long = {f"l{i}": sound for i, sound in enumerate(melodies(10, seed=4, tokens_each=70))}
    indexed(tmp_path, {**SOUNDS, **long})
    index = SearchIndex.open(tmp_path)
    kinds = set()
    for seed, name in enumerate([*list(SOUNDS)[::15], *long]):
        hits = search(index, tokens(edited({**SOUNDS, **long}[name], seed)), SearchSettings(top=30, exhaustive=True))
        assert hits[0].path == name
        for hit in hits:
            assert hit.score == pytest.approx(1 - hit.edit_distance / max(hit.tokens, hit.query_tokens))
            kinds.add((hit.path[0], hit.score > 0))
    assert ("l", True) in kinds and len(kinds) >= 4


def test_an_excerpt_is_found_inside_a_short_recording_only_if_asked(index):
    excerpt = collapse(tokens(SOUNDS["b010"]))[0].codes[5:13]
    inside = search(index, tokens(excerpt), SearchSettings(top=1, inside=True))[0]
    assert (inside.path, inside.score, inside.tokens) == ("b010", 1, 8) and inside.start > 0
    whole = search(index, tokens(excerpt), SearchSettings(top=1))[0]
    assert whole.start == 0 and whole.score < 0.5


def test_what_is_too_short_to_hold_the_query_is_compared_as_a_whole_even_inside(tmp_path):
    query = np.arange(12)
    indexed(tmp_path, {"crumb": query[3:5], "longer": np.concatenate([[30, 20], query[:10], [25, 31], [7] * 3])})
    hits = search(SearchIndex.open(tmp_path), tokens(query), SearchSettings(inside=True))
    assert [hit.path for hit in hits] == ["longer", "crumb"]
    assert (hits[1].tokens, hits[1].query_tokens, hits[1].edit_distance) == (2, 12, 10)


def test_ties_are_broken_by_time_in_common_and_then_drawn_not_by_order_in_a_file(tmp_path):
    codes = np.array([3, 8, 1, 30, 12, 7])
    long, short = np.repeat(codes, 5), np.repeat(codes, 2)
    names = [f"{name}{number}" for name in "az" for number in range(8)]
    indexed(tmp_path, {name: long if name[0] == "z" else short for name in names})
    index = SearchIndex.open(tmp_path)
    drawn = []
    for seed in range(20):
        hits = search(index, tokens(long), SearchSettings(top=16, seed=seed))
        assert [hit.path[0] for hit in hits] == ["z"] * 8 + ["a"] * 8
        assert {hit.score for hit in hits} == {1.0}
        drawn.append(hits[0].path)
    assert len(set(drawn)) > 4
    assert drawn == [search(index, tokens(long), SearchSettings(seed=seed))[0].path for seed in range(20)]


def test_a_second_score_decides_ties_and_nothing_else(index):
    assert isinstance(shared_time, SecondScore)
    query = tokens(edited(SOUNDS["a000"], 1))
    settings = SearchSettings(top=150, exhaustive=True)

    def backwards(string, found):
        return -shared_time(string, found)

    one, other = search(index, query, settings), search(index, query, settings, second=backwards)
    assert [hit.score for hit in one] == [hit.score for hit in other]
    assert [hit.path for hit in one] != [hit.path for hit in other]
    ranked = rank([index], query, settings)
    assert np.count_nonzero(np.diff(ranked.distance) == 0) > 50
    same = np.diff(ranked.distance) == 0
    assert (np.diff(ranked.second)[same] <= 0).all()


def test_shared_time_counts_frames_and_not_tokens():
    query, slow, other = (
        collapse(tokens(codes))[0] for codes in ([1, 1, 2, 2], [1, 1, 1, 1, 2, 2, 2, 2], [1, 3, 3, 3])
    )
    assert shared_time(query, [query, slow, other]).tolist() == [1, 0.5, 0.25]


def test_excluded_recordings_are_not_found_and_take_no_ones_place(index):
    for name in list(SOUNDS)[::15]:
        query = tokens(SOUNDS[name])
        found = search(index, query, SearchSettings(top=150, candidates=30))
        assert len(found) > 10 and found[0].path == name
        without = search(index, query, SearchSettings(top=150, candidates=29), excluded=frozenset([name]))
        assert without == found[1:]


def test_shards_are_searched_as_one(index, tmp_path):
    names = list(SOUNDS)
    for shard in range(3):
        indexed(tmp_path / str(shard), {name: SOUNDS[name] for name in names[shard::3]})
    shards = [SearchIndex.open(tmp_path / str(shard)) for shard in range(3)]
    for name in names[::10]:
        query = tokens(edited(SOUNDS[name], 5))
        assert search(shards, query) == search(index, query, SearchSettings(exhaustive=True))


def test_words_of_three_find_the_same(tmp_path, index):
    indexed(tmp_path, SOUNDS, triples=True)
    triples = SearchIndex.open(tmp_path)
    for name in list(SOUNDS)[::10]:
        query = tokens(edited(SOUNDS[name], 3))
        found = search(triples, query, SearchSettings(top=1, candidates=20))
        assert found == search(index, query, SearchSettings(top=1, exhaustive=True))


def test_a_sound_of_one_token_is_found_among_many(tmp_path):
    indexed(tmp_path, {**SOUNDS, "hum": np.full(9, 5)})
    hits = search(SearchIndex.open(tmp_path), tokens([5, 5, 5]), SearchSettings(top=1, candidates=3))
    assert [(hit.path, hit.score) for hit in hits] == [("hum", 1)]


def test_queries_that_cannot_be_are_refused(index):
    with pytest.raises(ParameterError, match="holds no sound"):
        search(index, tokens([]))
    with pytest.raises(ParameterError, match="give one"):
        search([], tokens([1, 2]))
    with pytest.raises(ParameterError, match="at least 1"):
        SearchSettings(top=0)
