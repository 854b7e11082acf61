"""Soft scores: the sum over all paths, whatever else is computed beside it."""

from itertools import groupby, product

import numpy as np
import pytest
import torch
from search_fakes import soft_scores

from smalti.search import soft

VOCAB = 6


def beliefs(frames: int, *, seed: int = 0, sharp: float = 1.0, vocab: int = VOCAB) -> np.ndarray:
    """Made-up log-probabilities."""
    logits = np.random.default_rng(seed).normal(size=(frames, vocab)) * sharp
    return logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)


def strings(count: int, *, longest: int, seed: int = 0, vocab: int = VOCAB) -> list[np.ndarray]:
    """Strings of 1 to `longest` tokens, no two neighbours equal."""
    generator = np.random.default_rng(seed)
    sizes = generator.integers(1, longest + 1, count)
    return [np.cumsum(generator.integers(1, vocab, size)) % vocab for size in sizes]


def by_torch(log_probabilities: np.ndarray, string: np.ndarray) -> float:
    """The same by torch's loss: a blank that cannot be, and all codes one further."""
    padded = np.concatenate([np.full((len(log_probabilities), 1), -np.inf), log_probabilities], axis=1)
    loss = torch.nn.functional.ctc_loss(
        torch.tensor(padded)[:, None],
        torch.tensor(string + 1)[None],
        torch.tensor([len(padded)]),
        torch.tensor([len(string)]),
        reduction="none",
    )
    return -float(loss) / len(log_probabilities)


def test_it_is_the_sum_over_all_sequences_of_frames_that_collapse_to_the_string():
    given = beliefs(4, vocab=3)
    sums: dict[tuple[int, ...], float] = {}
    for path in product(range(3), repeat=4):
        string = tuple(code for code, _ in groupby(path))
        sums[string] = sums.get(string, 0) + float(np.exp(given[np.arange(4), path].sum()))
    assert sum(sums.values()) == pytest.approx(1)
    asked = [np.array(string) for string in sums]
    wanted = np.log(list(sums.values())) / 4
    assert soft_scores([given], asked)[0] == pytest.approx(wanted, abs=1e-12)


@pytest.mark.parametrize("sharp", [0.1, 1.0, 30.0])
def test_it_equals_torchs_ctc_with_a_blank_that_cannot_be(sharp: float):
    asked = strings(40, longest=20)
    given = [beliefs(23, sharp=sharp), *(beliefs(9 + number, seed=number, sharp=sharp) for number in range(11))]
    for one, found in zip(given, soft_scores(given, asked), strict=True):
        fit = [number for number, string in enumerate(asked) if len(string) <= len(one)]
        assert found[fit] == pytest.approx([by_torch(one, asked[number]) for number in fit], abs=1e-4)
        assert np.isneginf(np.delete(found, fit)).all()


def test_what_is_too_unlikely_or_too_manifold_for_plain_numbers_is_right_too():
    unlikely, asked = beliefs(400, sharp=90.0), strings(5, longest=60, seed=2)
    found = soft_scores([unlikely], asked)[0]
    assert found.max() * 400 < -3000
    assert found == pytest.approx([by_torch(unlikely, one) for one in asked], rel=1e-6)
    manifold, long = np.full((1500, VOCAB), -np.log(VOCAB)), np.arange(500) % VOCAB
    assert soft_scores([manifold], [long])[0, 0] == pytest.approx(by_torch(manifold, long), abs=1e-6)


def test_a_long_string_is_computed_as_numbers_relative_to_its_own_tokens(monkeypatch: pytest.MonkeyPatch):
    given, asked = beliefs(800, sharp=0.8), strings(9, longest=60, seed=4)
    wanted = [by_torch(given, one) for one in asked]
    assert max(wanted) * 800 < np.log(1e-308)  # plain numbers are zero at the end

    def refuse(row: object, logs: object) -> None:
        raise AssertionError("logarithms were added")

    monkeypatch.setattr(soft, "_logarithmic", refuse)
    assert soft_scores([given], asked)[0] == pytest.approx(wanted, rel=1e-6)


def test_what_becomes_infinite_or_impossible_leaves_its_neighbours_alone():
    flat = np.full((1500, VOCAB), -np.log(VOCAB))  # relative to its own tokens the second string is beyond 1e308
    ruled_out = np.where(np.arange(VOCAB) == 2, -np.inf, 0.0) + beliefs(1500, seed=8)
    asked = [np.arange(3), np.arange(500) % VOCAB, np.array([4, 1]), np.array([1, 2, 0])]
    together = soft_scores([flat, ruled_out], asked)
    assert np.isneginf(together).tolist() == [[False] * 4, [True, True, False, True]]
    for number, one in enumerate((flat, ruled_out)):
        for column, string in enumerate(asked):
            assert soft_scores([one], [string])[0, 0] == together[number, column]


def test_order_and_company_change_nothing():
    given, asked = (
        [beliefs(12 + seed % 19, seed=seed, sharp=4.0) for seed in range(40)],
        strings(50, longest=25, seed=5),
    )
    together, generator = soft_scores(given, asked), np.random.default_rng(0)
    rows, columns = generator.permutation(40), generator.permutation(50)
    shuffled = soft_scores([given[i] for i in rows], [asked[i] for i in columns])
    assert np.array_equal(shuffled, together[rows][:, columns])
    assert np.array_equal(soft_scores(given[7:8], asked), together[7:8])
    assert np.array_equal(soft_scores(given, asked[3:4]), together[:, 3:4])


def test_a_string_longer_than_the_sound_or_of_nothing_or_of_codes_that_are_ruled_out_cannot_be():
    given = beliefs(3)
    found = soft_scores([given, given[:2], given[:0]], [np.arange(3), np.arange(2), np.arange(4), np.arange(0)])
    assert np.isneginf(found).tolist() == [[False, False, True, True], [True, False, True, True], [True] * 4]
    assert soft_scores([given], []).shape == (1, 0) and soft_scores([], [np.arange(2)]).shape == (0, 1)
    ruled_out = np.where(np.isin(np.arange(VOCAB), (2, 4)), -np.inf, 0.0) + beliefs(5)
    asked = [np.array([1, 2]), np.array([1, 3]), np.array([2]), np.array([2, 4]), np.array([1, 4, 2, 1])]
    assert np.isneginf(soft_scores([ruled_out], asked)[0]).tolist() == [True, False, True, True, True]


def test_the_likeliest_string_of_a_sure_recording_scores_near_zero_and_others_far_below():
    codes = np.array([4, 4, 1, 1, 1, 0, 5, 5])
    sure = np.where(np.arange(VOCAB) == codes[:, None], np.log(0.999), np.log(0.001 / (VOCAB - 1)))
    own, other = soft_scores([sure], [np.array([4, 1, 0, 5]), np.array([4, 1, 5])])[0]
    assert own == pytest.approx(np.log(0.999), abs=1e-3) and other < own - 0.5
