"""Token strings: what collapsing keeps and forgets, windows without gaps, n-grams as words."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as some
from search_fakes import SPEC, tokens

from smalti.core import ParameterError, Tokens, TokenSpec
from smalti.search import TokenString, collapse, windows
from smalti.search.strings import TokenStrings, as_text, spans
from smalti.search.terms import words


def test_runs_are_joined_and_their_times_kept():
    (string,) = collapse(tokens([7, 7, 7, 2, 2, 9, 9, 9, 9]))
    assert string.codes.tolist() == [7, 2, 9] and string.durations.tolist() == [3, 2, 4]
    assert string.cut(1, 3).start == 3 and string.cut(1, 3).frames == 6


@given(some.lists(some.integers(0, 36), max_size=40))
@settings(max_examples=50, deadline=None)
def test_a_string_says_all_that_the_codes_said(codes):
    (string,) = collapse(tokens(codes))
    assert np.repeat(string.codes, string.durations).tolist() == codes
    assert not (np.diff(string.codes) == 0).any()


def test_padding_of_a_batch_never_becomes_a_token():
    batch = Tokens.batch([tokens([5, 5, 0]), tokens([4, 3, 3, 1, 1, 2])])
    assert [one.codes.tolist() for one in collapse(batch)] == [[5, 0], [4, 3, 1, 2]]


def test_a_code_stream_is_chosen_and_an_unknown_one_refused():
    spec = TokenSpec(sample_rate=8000, hop=4, codebooks=2, vocab=5, tokenizer="two")
    both = Tokens(torch.tensor([[[1, 1, 2], [4, 3, 3]]]), spec, torch.tensor([12]))
    assert collapse(both)[0].codes.tolist() == [1, 2] and collapse(both, codebook=1)[0].codes.tolist() == [4, 3]
    with pytest.raises(ParameterError, match="codebook 2 is outside 0…1"):
        collapse(both, codebook=2)


@pytest.mark.parametrize("length", [1, 7, 8, 9, 12, 13, 40])
def test_every_stretch_lies_whole_in_a_window(length):
    string = TokenString(np.arange(length), np.arange(1, length + 1), start=5)
    size, hop = 8, 4
    found = windows(string, size=size, hop=hop)
    held = [set(window.codes.tolist()) for window in found]
    for first in range(length - (size - hop)):
        assert any(set(range(first, first + size - hop + 1)) <= one for one in held)
    assert set().union(*held) == set(range(length)) and {len(one) for one in held} == {min(size, length)}
    assert [window.start for window in found] == [5 + sum(range(1, int(w.codes[0]) + 1)) for w in found]


def test_words_are_ngrams_in_hexadecimal_as_wide_as_the_vocabulary():
    codes = np.array([3, 31, 4])
    assert words(codes, n=2, vocab=128) == "031f 1f04"
    assert words(codes, n=3, vocab=128) == "031f04"
    assert words(codes, n=2, vocab=1024) == "00301f 01f004"
    assert words(codes[:1], n=2, vocab=128) == "03" and words(codes[:0], n=2, vocab=128) == ""


def test_every_code_is_a_character_of_its_own():
    codes = np.array([0, 255, 0xD800, 0xDC00, 0x10FFFF])
    assert [ord(character) for character in as_text(codes)] == codes.tolist()


def test_a_vocabulary_larger_than_characters_are_is_refused():
    spec = TokenSpec(sample_rate=8000, hop=4, codebooks=1, vocab=0x110001, tokenizer="large")
    with pytest.raises(ParameterError, match="at most 1114112"):
        collapse(Tokens(torch.zeros(1, 1, 2, dtype=torch.int64), spec, torch.tensor([8])))
    assert SPEC.vocab == 37


def test_strings_end_to_end_are_the_strings():
    given = [TokenString(np.arange(size), np.arange(1, size + 1), start=9 * size) for size in (3, 0, 1, 5)]
    many = TokenStrings.of(given)
    twice = TokenStrings.joined([many, many.taken(np.array([3, 0]))])
    assert TokenStrings.of(many) is many and len(twice) == 6
    for found, wanted in ((many, given), (twice, [*given, given[3], given[0]]), (many[1:3], given[1:3])):
        for one, other in zip(found, wanted, strict=True):
            assert (one.codes.tolist(), one.durations.tolist()) == (other.codes.tolist(), other.durations.tolist())
            assert one.start == other.start
    assert many[-1].start == 45 and list(TokenStrings.of([])) == []
    with pytest.raises(IndexError):
        many[4]


def test_spans_are_counted_one_after_another():
    assert spans(np.array([7, 0, 3]), np.array([2, 0, 3])).tolist() == [7, 8, 3, 4, 5]
    assert spans(np.zeros(0, np.int64), np.zeros(0, np.int64)).tolist() == []
