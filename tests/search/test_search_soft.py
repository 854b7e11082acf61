"""Soft scores: the sum over all paths, whatever else is computed beside it."""

from itertools import groupby, product

import numpy as np
import pytest
import torch

from smalti.search import recording_scores, string_scores

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
    assert string_scores(given, asked) == pytest.approx(wanted, abs=1e-12)
    assert np.concatenate([recording_scores([given], one) for one in asked]) == pytest.approx(wanted, abs=1e-12)


@pytest.mark.parametrize("sharp", [0.1, 1.0, 30.0])
def test_it_equals_torchs_ctc_with_a_blank_that_cannot_be(sharp: float):
    given, asked = beliefs(23, sharp=sharp), strings(40, longest=20)
    wanted = [by_torch(given, one) for one in asked]
    assert string_scores(given, asked) == pytest.approx(wanted, abs=1e-4)
    several = [beliefs(9 + number, seed=number, sharp=sharp) for number in range(11)]
    for one in asked[:4]:
        found = recording_scores(several, one[:9])
        assert found == pytest.approx([by_torch(each, one[:9]) for each in several], abs=1e-4)


def test_what_is_too_unlikely_or_too_manifold_for_plain_numbers_is_right_too():
    unlikely, asked = beliefs(400, sharp=90.0), strings(5, longest=60, seed=2)
    found = string_scores(unlikely, asked)
    assert found.max() * 400 < -3000
    assert found == pytest.approx([by_torch(unlikely, one) for one in asked], rel=1e-6)
    manifold = np.full((1500, VOCAB), -np.log(VOCAB))
    (long,) = strings(1, longest=1, seed=3)
    long = np.arange(500) % VOCAB
    assert string_scores(manifold, [long])[0] == pytest.approx(by_torch(manifold, long), abs=1e-6)
    assert recording_scores([manifold], long)[0] == pytest.approx(by_torch(manifold, long), abs=1e-6)


def test_one_recording_and_many_strings_or_many_recordings_and_one_string_are_the_same_pairs():
    given = [beliefs(frames, seed=frames, sharp=3.0) for frames in (5, 31, 12, 8)]
    asked = strings(7, longest=12, seed=1)
    one_way = np.stack([string_scores(each, asked) for each in given])
    other_way = np.stack([recording_scores(given, string) for string in asked], axis=1)
    assert np.isfinite(one_way).any() and np.isneginf(one_way).any()
    assert one_way == pytest.approx(other_way, abs=1e-9)


def test_order_and_company_change_nothing():
    given, asked = beliefs(30, sharp=4.0), strings(700, longest=25, seed=5)
    together, order = string_scores(given, asked), np.random.default_rng(0).permutation(700)
    assert np.array_equal(string_scores(given, [asked[i] for i in order]), together[order])
    assert np.array_equal(string_scores(given, asked[40:41]), together[40:41])
    several = [beliefs(12 + seed % 9, seed=seed) for seed in range(300)]
    together, order = recording_scores(several, asked[0][:9]), np.random.default_rng(0).permutation(300)
    assert np.array_equal(recording_scores([several[i] for i in order], asked[0][:9]), together[order])
    assert np.array_equal(recording_scores(several[7:8], asked[0][:9]), together[7:8])


def test_a_string_longer_than_the_sound_or_of_nothing_or_of_a_code_that_is_ruled_out_cannot_be():
    given = beliefs(3)
    found = string_scores(given, [np.arange(3), np.arange(4), np.arange(0)])
    assert np.isfinite(found[0]) and np.isneginf(found[1:]).all()
    assert np.isneginf(recording_scores([given, given[:2]], np.arange(3))).tolist() == [False, True]
    assert np.isneginf(recording_scores([given[:0]], np.arange(1))).all()
    assert string_scores(given, []).shape == recording_scores([], np.arange(2)).shape == (0,)
    ruled_out = np.where(np.arange(VOCAB) == 2, -np.inf, 0.0) + beliefs(5)
    assert np.isneginf(string_scores(ruled_out, [np.array([1, 2]), np.array([1, 3])])).tolist() == [True, False]
    assert np.isneginf(recording_scores([ruled_out], np.array([2]))).all()


def test_the_likeliest_string_of_a_sure_recording_scores_near_zero_and_others_far_below():
    codes = np.array([4, 4, 1, 1, 1, 0, 5, 5])
    sure = np.where(np.arange(VOCAB) == codes[:, None], np.log(0.999), np.log(0.001 / (VOCAB - 1)))
    own, other = string_scores(sure, [np.array([4, 1, 0, 5]), np.array([4, 1, 5])])
    assert own == pytest.approx(np.log(0.999), abs=1e-3) and other < own - 0.5
