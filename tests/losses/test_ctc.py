"""CTC without a blank against sums over all paths and an independent forward pass in float64."""

import itertools
import math

import pytest
import torch
from torch import Tensor

from smalti.losses import blank_free_ctc, collapsed, contrastive, pair_log_likelihoods, unbalance
from smalti.losses.ctc import IMPOSSIBLE


def noise(*shape: int, seed: int = 0, scale: float = 1.0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed)) * scale


def all_paths(log_probabilities: Tensor, string: list[int]) -> float:
    """ln of the sum over every path, one by one."""
    frames, vocab = log_probabilities.shape
    total = 0.0
    for path in itertools.product(range(vocab), repeat=frames):
        if [token for token, _ in itertools.groupby(path)] == string:
            total += math.exp(sum(log_probabilities[t, token].item() for t, token in enumerate(path)))
    return math.log(total)


def forward_pass(log_probabilities: Tensor, string: list[int]) -> float:
    """Log domain, one frame after another, float64."""
    steps = log_probabilities.double()
    reached = torch.full((len(string),), -math.inf, dtype=torch.float64)
    reached[0] = steps[0, string[0]]
    for step in steps[1:]:
        before = torch.cat([torch.tensor([-math.inf], dtype=torch.float64), reached[:-1]])
        reached = torch.logaddexp(reached, before) + step[string]
    return reached[-1].item()


def test_runs_collapse_and_padding_does_not_count() -> None:
    codes = torch.tensor([[3, 3, 0, 0, 3, 1, 1], [2, 2, 2, 5, 5, 5, 5]])
    strings, tokens = collapsed(codes, torch.tensor([6, 3]))
    assert strings.tolist() == [[3, 0, 3, 1], [2, 0, 0, 0]]
    assert tokens.tolist() == [4, 1]


@pytest.mark.parametrize("string", [[0], [2, 0], [0, 1, 0], [1, 2, 0, 1]])
def test_both_ways_equal_the_sum_over_all_paths(string: list[int]) -> None:
    steps = noise(1, 5, 3).log_softmax(-1)
    frames, strings, tokens = torch.tensor([5]), torch.tensor([string]), torch.tensor([len(string)])
    wanted = all_paths(steps[0], string)
    assert -blank_free_ctc(steps, frames, strings, tokens).item() == pytest.approx(wanted, abs=1e-5)
    assert pair_log_likelihoods(steps, frames, strings, tokens).item() == pytest.approx(wanted, abs=1e-5)


def test_all_pairs_equal_an_independent_forward_pass_whatever_the_padding() -> None:
    frames, tokens = torch.tensor([61, 37, 150]), torch.tensor([17, 30, 1, 22])
    steps = noise(3, 150, 33, scale=3).log_softmax(-1)
    strings = torch.stack([(torch.arange(30) * (7 + row)) % 33 for row in range(4)])
    found = pair_log_likelihoods(steps, frames, strings, tokens)
    for row, column in itertools.product(range(3), range(4)):
        string = strings[column, : int(tokens[column])].tolist()
        wanted = forward_pass(steps[row, : int(frames[row])], string)
        assert found[row, column].item() == pytest.approx(wanted, abs=1e-3)
    single = blank_free_ctc(steps, frames, strings[:3], tokens[:3])
    torch.testing.assert_close(-single, found[:, :3].diagonal(), rtol=0, atol=1e-3)


def test_too_few_frames_give_numbers_and_no_gradient() -> None:
    logits = noise(2, 4, 5).requires_grad_()
    frames, tokens = torch.tensor([2, 4]), torch.tensor([3, 3])
    strings = torch.tensor([[0, 1, 2], [3, 4, 3]])
    steps = logits.log_softmax(-1)
    pairs = pair_log_likelihoods(steps, frames, strings, tokens)
    losses = blank_free_ctc(steps, frames, strings, tokens)
    (losses.sum() - pairs.sum()).backward()
    assert pairs[0].tolist() == [IMPOSSIBLE] * 2 and losses[0] == 0
    assert logits.grad is not None and logits.grad.isfinite().all()
    assert not logits.grad[0].any() and logits.grad[1].any()


def test_both_ways_have_one_gradient() -> None:
    logits = noise(2, 9, 6).requires_grad_()
    frames, tokens = torch.tensor([9, 7]), torch.tensor([4, 2])
    strings = torch.tensor([[0, 5, 0, 2], [3, 1, 0, 0]])
    pairs = pair_log_likelihoods(logits.log_softmax(-1), frames, strings, tokens).diagonal().sum()
    (by_pairs,) = torch.autograd.grad(-pairs, logits)
    single = blank_free_ctc(logits.log_softmax(-1), frames, strings, tokens).sum()
    (by_single,) = torch.autograd.grad(single, logits)
    torch.testing.assert_close(by_pairs, by_single, rtol=0, atol=1e-5)


def test_token_zero_learns_as_any_other() -> None:
    logits = torch.zeros(1, 6, 4, requires_grad=True)
    blank_free_ctc(logits.log_softmax(-1), torch.tensor([6]), torch.tensor([[0]]), torch.tensor([1])).backward()
    assert logits.grad is not None
    assert (logits.grad[0, :, 0] < 0).all() and (logits.grad[0, :, 1:] > 0).all()


def test_the_contrast_is_least_where_positives_stand_out() -> None:
    positive = torch.tensor([[1, 1, 0], [1, 1, 0], [0, 0, 1]], dtype=torch.bool)
    good, bad = torch.tensor([[9.0, 5, 0], [5, 9, 0], [0, 0, 9]]), torch.tensor([[9.0, 0, 5], [0, 9, 5], [0, 0, 9]])
    assert contrastive(good, positive) == pytest.approx(math.log(1 + math.exp(-5)), abs=1e-5)
    assert contrastive(bad, positive) == pytest.approx(math.log(1 + math.exp(5)), abs=1e-5)
    assert contrastive(good, torch.eye(3, dtype=torch.bool)) == 0


def test_even_use_of_all_tokens_is_balanced_and_one_token_alone_is_not() -> None:
    even = torch.eye(4)[None].clamp(min=1e-9).log()
    inside = torch.ones(1, 4, dtype=torch.bool)
    assert unbalance(even, inside).item() == pytest.approx(0, abs=1e-5)
    inside[0, 1:] = False
    assert unbalance(even, inside).item() == pytest.approx(math.log(4), abs=1e-5)
