"""Counting: each baseline finds exactly what is in its neighbours, and never less for want of a choice."""

import pytest
import torch

from smalti.evaluate.counting import count_bits


def test_the_unigram_finds_the_entropy_of_its_codes_per_codebook() -> None:
    generator = torch.Generator().manual_seed(0)
    codes = [torch.stack([torch.randint(4, (900,), generator=generator), torch.full((900,), 7)]) for _ in range(8)]
    found = count_bits(codes[:6], codes[6:], vocab=16)
    assert found.unigram == pytest.approx(2 / 2, abs=0.02)
    assert found.bigram == pytest.approx(found.unigram, abs=0.02)


def test_the_row_knows_the_frame_before() -> None:
    steps = torch.arange(300)
    codes = [torch.stack([(steps + s) % 8, (3 * steps + 5 * s) % 8]) for s in (0, 1, 6, 5)]
    found = count_bits(codes[:3], codes[3:], vocab=8)
    assert found.unigram == pytest.approx(3, abs=0.01)
    assert found.bigram_row < 0.1 and found.bigram == found.bigram_row


def test_the_previous_code_is_the_codebook_above_or_the_last_of_the_frame_before() -> None:
    generator = torch.Generator().manual_seed(0)
    last = [torch.randint(8, (701,), generator=generator) for _ in range(4)]
    codes = [torch.stack([7 - row[:-1], (row[1:] + 3) % 8, row[1:]]) for row in last]
    found = count_bits(codes[:3], codes[3:], vocab=8)
    # codebook 0 follows the last of the frame before, codebook 2 the one above it; codebook 1 is new
    assert found.bigram_previous == pytest.approx(3 / 3, abs=0.05)
    assert found.bigram_row == pytest.approx(3, abs=0.05)
    assert found.bigram == pytest.approx(3 / 3, abs=0.05)


def test_the_better_neighbour_is_chosen_for_each_codebook() -> None:
    generator = torch.Generator().manual_seed(0)
    steps = torch.arange(700)
    first = [(torch.randint(8, (1,), generator=generator) + steps) % 8 for _ in range(4)]
    noise = [torch.randint(8, (700,), generator=generator) for _ in range(4)]
    codes = [torch.stack([a, b, 7 - b]) for a, b in zip(first, noise, strict=True)]
    found = count_bits(codes[:3], codes[3:], vocab=8)
    assert found.bigram == pytest.approx(3 / 3, abs=0.05)
    assert found.bigram < min(found.bigram_previous, found.bigram_row) - 0.5


def test_codebooks_count_together_where_that_serves_them() -> None:
    """Four codebooks that move alike, in clips too short for each to count by itself."""
    generator = torch.Generator().manual_seed(0)
    starts = torch.randint(32, (12, 4, 1), generator=generator)
    codes = list((starts + 5 * torch.arange(12)) % 32)
    together = count_bits(codes[:8], codes[8:], vocab=32).bigram_row
    alone = [count_bits([c[:1] for c in codes[:8]], [c[:1] for c in codes[8:]], vocab=32).bigram_row]
    assert together < alone[0] - 0.5


def test_codes_that_training_never_used_cost_bits_but_not_infinitely_many() -> None:
    found = count_bits([torch.zeros(2, 50, dtype=torch.int64)], [torch.full((2, 9), 5)], vocab=8)
    for bits in (found.unigram, found.bigram, found.bigram_previous, found.bigram_row):
        assert 3 < bits < 20
