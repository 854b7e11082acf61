"""Distances of the nearest places: bounds spare work and change no answer."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from smalti.search.entries import Entry
from smalti.search.nearest import by_distance
from smalti.search.passages import Passages
from smalti.search.ranking import aligned, shared_pairs, string_distances
from smalti.search.strings import TokenString, joined

STRINGS = st.lists(st.integers(0, 5), min_size=1, max_size=90).map(lambda codes: joined(np.array(codes)))


def passages_of(strings: list[TokenString]) -> Passages:
    heard = [(Entry(f"{number:03d}"), string, 1.0, 1) for number, string in enumerate(strings)]
    return Passages.alone(heard, vocab=6)


def part_distance(query: str, text: str) -> float:
    ours, theirs = aligned(query, text) if len(text) > len(query) else (slice(None), slice(None))
    return float(string_distances(query[ours], [text[theirs]])[0])


@given(STRINGS, st.lists(STRINGS, min_size=1, max_size=40), st.integers(1, 45))
def test_no_place_that_is_among_the_nearest_is_left_out(query, strings, most):
    piles = [(passages_of(strings), np.arange(len(strings)))]
    found = by_distance(piles, query, most, inside=True)
    every = sorted((part_distance(query.text, one.text), row) for row, one in enumerate(strings))
    last = every[min(most, len(every)) - 1][0]
    wanted = [one for one in every if one[0] <= last]
    assert list(zip(found.distance.tolist(), found.places.row.tolist(), strict=True))[: len(wanted)] == wanted


def test_most_of_what_is_far_is_never_measured():
    generator = np.random.default_rng(0)
    near = [joined(np.concatenate([generator.integers(0, 6, 30), np.arange(6).repeat(2)[::-1]])) for _ in range(8)]
    far = [joined(generator.integers(0, 3, 60)) for _ in range(200)]
    query = joined(np.arange(6)[::-1])
    strings = [*far, *near]
    found = by_distance([(passages_of(strings), np.arange(len(strings)))], query, 8, inside=True)
    assert found.places.row[:8].tolist() == list(range(200, 208)) and not found.distance[:8].any()
    assert len(found) < 60


@given(st.text("abc", max_size=30), st.text("abc", max_size=30))
def test_pairs_are_counted_as_often_as_both_have_them(one, other):
    def count(text: str, pair: str) -> int:
        return sum(text[place : place + 2] == pair for place in range(len(text)))

    wanted = sum(min(count(one, a + b), count(other, a + b)) for a in "abc" for b in "abc")
    assert shared_pairs(one, other) == shared_pairs(other, one) == wanted
