"""Laws of patterns: rows and codes hold the same, in the drawn order, for every number of codebooks and frames."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from smalti.core import ParameterError
from smalti.patterns import PATTERNS, find_pattern

NAMES = st.sampled_from(sorted(PATTERNS))
CODEBOOKS, FRAMES = st.integers(1, 9), st.integers(0, 23)
VOCAB = 11


def _codes(batch: int, codebooks: int, frames: int) -> torch.Tensor:
    return torch.randint(VOCAB, (batch, codebooks, frames), generator=torch.Generator().manual_seed(7))


@given(NAMES, CODEBOOKS, FRAMES)
def test_codes_survive_rows_exactly(name: str, codebooks: int, frames: int):
    pattern, codes = PATTERNS[name], _codes(2, codebooks, frames)
    assert torch.equal(pattern.codes(pattern.rows(codes, VOCAB)), codes)


@given(NAMES, CODEBOOKS, FRAMES)
def test_valid_marks_every_code_once_and_nothing_else(name: str, codebooks: int, frames: int):
    pattern = PATTERNS[name]
    valid = pattern.valid(codebooks, frames)
    rows = pattern.rows(_codes(2, codebooks, frames), VOCAB)
    assert valid.sum() == codebooks * frames
    assert torch.equal(rows[0] != VOCAB, valid)


@given(NAMES, CODEBOOKS, FRAMES)
def test_no_row_is_blank_as_a_whole(name: str, codebooks: int, frames: int):
    assert PATTERNS[name].valid(codebooks, frames).any(0).all()


@given(NAMES, CODEBOOKS, st.integers(1, 23))
def test_extra_rows_are_what_stands_behind_the_frames(name: str, codebooks: int, frames: int):
    pattern = PATTERNS[name]
    count = pattern.row_count(codebooks, frames)
    assert count - pattern.stride(codebooks) * frames == pattern.extra_rows(codebooks)
    assert pattern.frame_count(codebooks, count) == frames
    assert pattern.frame_count(codebooks, count - 1) == frames - 1


@given(NAMES, CODEBOOKS, st.integers(1, 12), st.integers(0, 60))
def test_growing_rows_give_the_first_frames(name: str, codebooks: int, frames: int, seen: int):
    pattern, codes = PATTERNS[name], _codes(3, codebooks, frames)
    early = pattern.codes(pattern.rows(codes, VOCAB)[:, :, :seen])
    assert torch.equal(early, codes[:, :, : early.shape[2]])


@given(NAMES, CODEBOOKS, st.integers(1, 12))
def test_newest_frame_of_a_row_is_the_latest_it_holds(name: str, codebooks: int, frames: int):
    pattern = PATTERNS[name]
    times = torch.arange(frames).expand(1, codebooks, frames)
    held = pattern.rows(times.contiguous(), -1)[0].amax(0)
    newest = pattern.newest_frames(codebooks, frames)
    assert torch.equal(
        newest[: len(held) - pattern.extra_rows(codebooks)], held[: len(held) - pattern.extra_rows(codebooks)]
    )
    assert (newest >= held).all()


def test_rows_are_as_drawn():
    codes = torch.arange(12).reshape(1, 3, 4)
    drawn = {
        "parallel": ["0 1 2 3", "4 5 6 7", "8 9 10 11"],
        "delay": ["0 1 2 3 . .", ". 4 5 6 7 .", ". . 8 9 10 11"],
        "flat": ["0 . . 1 . . 2 . . 3 . .", ". 4 . . 5 . . 6 . . 7 .", ". . 8 . . 9 . . 10 . . 11"],
    }
    for name, lines in drawn.items():
        rows = PATTERNS[name].rows(codes, -1)[0].tolist()
        assert [" ".join("." if cell < 0 else str(cell) for cell in row) for row in rows] == lines


def test_an_unknown_pattern_names_the_nearest():
    with pytest.raises(ParameterError, match="did you mean 'delay'"):
        find_pattern("dealy")
