"""How unlike recordings sound, and what that does to the order of what was found."""

from pathlib import Path

import numpy as np
import pytest
from search_fakes import believed, melodies, soft_indexed

from smalti.search import SearchIndex, SearchSettings, SoftTokens, reordering, search
from smalti.search.likeness import moments, unlikeness

SCALE = 32  # of a byte to a deviation
GENERATOR = np.random.default_rng(3)
SMOOTH = np.cumsum(GENERATOR.normal(size=(40, 6)), axis=0)
SMOOTH = ((SMOOTH - SMOOTH.mean(axis=0)) / SMOOTH.std(axis=0)).astype(np.float32)


def apart(ours: np.ndarray, theirs: np.ndarray) -> float:
    """Of two recordings, one of them as an index keeps it."""
    return float(unlikeness(ours, moments(theirs)[None])[0])


def at(rows: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Rows read at these shares of their time."""
    times = np.linspace(0, 1, len(rows))
    return np.stack([np.interp(places, times, column) for column in rows.T], axis=1).astype(np.float32)


def test_a_recording_is_like_itself_at_any_pace_and_with_its_middle_moved() -> None:
    other = GENERATOR.normal(size=SMOOTH.shape).astype(np.float32)
    assert apart(SMOOTH, SMOOTH) < 2 * np.sqrt(6) / SCALE < 0.2 * apart(other, SMOOTH)
    for frames in (20, 60):
        assert apart(at(SMOOTH, np.linspace(0, 1, frames)), SMOOTH) < 0.3 * apart(other, SMOOTH)
    steady = np.linspace(0, 1, 40)
    bent = at(SMOOTH, np.interp(steady, [0, 0.5, 1], [0, 0.65, 1]))
    straight = np.linalg.norm(bent - SMOOTH, axis=1).mean()
    assert apart(SMOOTH, bent) < 0.3 * straight


def test_a_recording_in_company_is_as_far_as_alone_and_one_frame_is_enough() -> None:
    known = np.stack([moments(SMOOTH[piece]) for piece in (slice(12), slice(5, 6), slice(12, 40), slice(0))])
    assert not known[3].any()
    for query in (SMOOTH, SMOOTH[3:4]):
        together = unlikeness(query, known)
        assert together.tolist() == [unlikeness(query, one[None])[0] for one in known]
        assert np.isfinite(together).all()
    assert len(unlikeness(SMOOTH, known[:0])) == 0


def test_it_is_the_mean_distance_of_moments_at_the_best_of_five_times() -> None:
    theirs = np.stack([moments(GENERATOR.normal(size=(frames, 6)).astype(np.float32)) for frames in (9, 30, 41)])
    evenly = (np.arange(12) + 0.5) / 12
    times = [np.interp(evenly, [0, 0.5, 1], [0, middle, 1]) for middle in (0.35, 0.425, 0.5, 0.575, 0.65)]
    ours = [np.clip(np.round(at(SMOOTH, one) * SCALE), -128, 127) / SCALE for one in times]
    wanted = [min(np.linalg.norm(one - row / SCALE, axis=1).mean() for one in ours) for row in theirs]
    np.testing.assert_allclose(unlikeness(SMOOTH, theirs), wanted, rtol=1e-6)


@pytest.mark.parametrize("dim", [39, 512, 600])
def test_equal_recordings_are_equally_far_in_any_company_and_the_same_one_not_at_all(dim: int) -> None:
    loud = 9 * GENERATOR.normal(size=(70, 1, dim)).astype(np.float32)
    known = np.stack([moments(one) for one in loud])
    alone = [unlikeness(loud[5], one[None])[0] for one in known]
    assert unlikeness(loud[5], known).tolist() == alone and alone[5] == 0
    np.testing.assert_allclose(alone, np.linalg.norm((known - 1.0 * known[5])[:, 0], axis=1) / SCALE, rtol=1e-5)
    assert len({*unlikeness(loud[0], known[GENERATOR.integers(1, 3, size=70)]).tolist()}) == 2


def test_numbers_beyond_what_a_byte_holds_are_the_largest_and_the_others_are_near() -> None:
    given = np.array([[-9.0, -4.0, 0.0, 1.013, 3.9, 9.0]], np.float32)
    assert np.abs(moments(given) / SCALE - np.clip(given, -4, 127 / SCALE)).max() <= 0.5 / SCALE


def heard(seed: int, *, sounds: int) -> SoftTokens:
    """One belief for all, and a sound of its own."""
    codes = melodies(1, tokens_each=9)[0]
    sound = believed(codes, seed=sounds, dim=5).acoustics
    return SoftTokens(believed(codes, seed=seed).tokens, believed(codes, seed=seed).log_probabilities, sound)


def test_of_equally_believed_recordings_the_one_that_sounds_like_the_query_comes_first(tmp_path: Path) -> None:
    soft_indexed(tmp_path, {f"s{i}": heard(0, sounds=i) for i in range(6)})
    index = SearchIndex.open(tmp_path)
    for wanted in range(6):
        first, second, *_ = search(index, heard(0, sounds=wanted))
        assert first.path == f"s{wanted}" and first.soft_score > second.soft_score + 0.5
    mute = heard(0, sounds=3)
    plain = search(index, SoftTokens(mute.tokens, mute.log_probabilities))
    assert len({hit.soft_score for hit in plain}) == 1


def test_recordings_that_nobody_knows_the_sound_of_are_found_by_what_was_believed(tmp_path: Path) -> None:
    soft_indexed(tmp_path, {"a": heard(0, sounds=1), "b": believed(melodies(1, tokens_each=9)[0], seed=0)})
    assert len({hit.soft_score for hit in search(SearchIndex.open(tmp_path), heard(0, sounds=1))}) == 1


def test_only_the_best_are_asked_all_questions_and_no_other_overtakes_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sounds = {f"s{i:02d}": believed(one, seed=i, dim=5) for i, one in enumerate(melodies(14, tokens_each=9))}
    soft_indexed(tmp_path / "all", sounds)
    soft_indexed(tmp_path / "strings", sounds, soft=False)
    query = sounds["s04"]

    def found(name: str) -> list[str]:
        return [hit.path for hit in search(SearchIndex.open(tmp_path / name), query, SearchSettings(top=14))]

    first_question, everything = found("strings"), found("all")
    monkeypatch.setattr(reordering, "_BEST", 4)
    few = found("all")
    assert set(few[:4]) == set(first_question[:4]) and few[4:] == first_question[4:]
    assert few[0] == everything[0] == "s04" and everything != first_question != few


def test_equal_recordings_are_asked_equally_much_wherever_they_stand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reordering, "_BEST", 4)
    soft_indexed(tmp_path, {"another": heard(0, sounds=1), **{f"copy{i}": heard(0, sounds=2) for i in range(6)}})
    *copies, last = search(SearchIndex.open(tmp_path), heard(0, sounds=2))
    assert len({hit.soft_score for hit in copies}) == 1 and last.path == "another"
    assert copies[0].soft_score > last.soft_score + 0.5


def test_one_too_short_for_the_query_s_string_comes_last_and_takes_no_other_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reordering, "_BEST", 4)
    codes = melodies(9, tokens_each=9)
    short = codes[0][np.flatnonzero(np.diff(codes[0], prepend=-1))][:8]  # a frame each, and the query has nine tokens
    others = {f"s{i}": believed(one, seed=i) for i, one in enumerate(codes)}
    soft_indexed(tmp_path, {"short": believed(short), **others})
    found = search(SearchIndex.open(tmp_path), believed(codes[0], seed=20))
    scores = [hit.soft_score or 0.0 for hit in found]
    assert found[0].path == "s0" and found[-1].path == "short" and scores[-1] == -np.inf
    assert np.isfinite(scores[:-1]).all() and len(set(scores)) == 10


def test_inside_a_long_recording_what_was_believed_decides_alone(tmp_path: Path) -> None:
    parts = [believed(one, seed=i, dim=5) for i, one in enumerate(melodies(8, tokens_each=9))]
    codes = np.concatenate([part.tokens.codes[0, 0].numpy() for part in parts])
    rows = (np.concatenate([getattr(part, name) for part in parts]) for name in ("log_probabilities", "acoustics"))
    soft_indexed(tmp_path, {"long": SoftTokens(believed(codes).tokens, *rows), "short": parts[0]}, window=24, hop=12)
    index = SearchIndex.open(tmp_path)
    for part in parts:
        believed_only = SoftTokens(part.tokens, part.log_probabilities)
        assert search(index, part) == search(index, believed_only)


def test_held_ends_sound_like_nothing(tmp_path: Path) -> None:
    plain = believed(melodies(1, tokens_each=9)[0], seed=1, dim=5)
    rows = [np.concatenate([one[:1], one[:1], one, one[-1:]]) for one in (plain.log_probabilities, plain.acoustics)]
    held = SoftTokens(believed(rows[0].argmax(axis=1)).tokens, *rows)
    for name, sound in (("plain", plain), ("held", held)):
        soft_indexed(tmp_path / name, {"one": sound, "other": believed(melodies(2, tokens_each=9)[1], seed=2, dim=5)})
    scores = {
        tuple(hit.soft_score for hit in search(SearchIndex.open(tmp_path / name), query))
        for name in ("plain", "held")
        for query in (plain, held)
    }
    assert len(scores) == 1
