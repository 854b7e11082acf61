"""Perplexity at its fixed points."""

import pytest
import torch

from smalti.quantize import code_counts, codebook_usage, perplexity


def test_one_code_is_perplexity_one_and_all_alike_is_the_vocabulary() -> None:
    codes = torch.stack([torch.full((24,), 5), torch.arange(24) % 8])
    assert perplexity(codes, 8).tolist() == pytest.approx([1, 8])
    assert codebook_usage(codes, 8).tolist() == pytest.approx([1 / 8, 1])


def test_two_codes_in_unequal_shares() -> None:
    codes = torch.tensor([[0, 0, 0, 1]])
    assert perplexity(codes, 16)[0] == pytest.approx(4 / 27**0.25)


def test_no_frames_are_perplexity_one() -> None:
    assert perplexity(torch.zeros(2, 0, dtype=torch.int64), 8).tolist() == [1, 1]


def test_counts_count() -> None:
    assert code_counts(torch.tensor([[2, 0, 2], [1, 1, 1]]), 4).tolist() == [[1, 0, 2, 0], [0, 3, 0, 0]]
