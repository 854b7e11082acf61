"""Muon: every direction of a matrix moves alike, all else is AdamW, and a saved state goes on exactly."""

import copy

import pytest
import torch
from torch import nn

from smalti.train import Muon
from smalti.train.muon import orthogonal


@pytest.mark.parametrize("shape", [(3, 8, 20), (2, 20, 8), (1, 12, 12)])
def test_what_is_made_orthogonal_keeps_its_directions_and_loses_their_sizes(shape: tuple[int, int, int]) -> None:
    matrices = torch.randn(shape, generator=torch.Generator().manual_seed(0)) * 1e-3
    found = orthogonal(matrices)
    sizes = torch.linalg.svdvals(found)
    assert float(sizes.min()) > 0.5 and float(sizes.max()) < 1.3
    left, _, right = torch.linalg.svd(matrices, full_matrices=False)
    inside = left.mT @ found @ right.mT
    assert float((inside - torch.diag_embed(inside.diagonal(dim1=1, dim2=2))).abs().max()) < 0.1
    assert not orthogonal(torch.zeros(shape)).any()


def test_a_step_of_a_matrix_is_as_long_as_one_of_adamw_in_the_mean() -> None:
    weight = nn.Parameter(torch.zeros(16, 40))
    weight.grad = torch.randn(16, 40, generator=torch.Generator().manual_seed(0)) * 1e-4
    Muon([weight], [], lr=1e-2).step()
    assert float(weight.detach().square().mean().sqrt()) == pytest.approx(0.2 * 1e-2, rel=0.15)


def test_a_convolution_moves_as_the_matrix_that_it_is() -> None:
    gradient = torch.randn(4, 6, 5, generator=torch.Generator().manual_seed(0))
    convolution, matrix = nn.Parameter(torch.ones(4, 6, 5)), nn.Parameter(torch.ones(4, 30))
    convolution.grad, matrix.grad = gradient, gradient.flatten(1)
    for weight in (convolution, matrix):
        Muon([weight], [], lr=1e-2).step()
    torch.testing.assert_close(convolution.flatten(1), matrix)
    assert not torch.allclose(matrix, torch.ones(4, 30))


def test_all_else_moves_as_by_adamw() -> None:
    generator = torch.Generator().manual_seed(0)
    one, other = (nn.Parameter(torch.ones(5, 3)) for _ in range(2))
    own = Muon([], [one], lr=1e-2, betas=(0.8, 0.9), weight_decay=0.1)
    peer = torch.optim.AdamW([other], lr=1e-2, betas=(0.8, 0.9), weight_decay=0.1)
    for _ in range(4):
        one.grad = torch.randn(5, 3, generator=generator)
        other.grad = one.grad.clone()
        own.step()
        peer.step()
    torch.testing.assert_close(one, other)


def test_a_saved_state_goes_on_exactly() -> None:
    net = nn.Sequential(nn.Linear(6, 4), nn.Linear(4, 2))
    again = copy.deepcopy(net)
    one, other = (Muon([each[1].weight], [*each[0].parameters(), each[1].bias]) for each in (net, again))
    _learn(net, one, 3)
    other.load_state_dict(copy.deepcopy(one.state_dict()))
    again.load_state_dict(net.state_dict())
    for each, optimiser in ((net, one), (again, other)):
        torch.manual_seed(1)
        _learn(each, optimiser, 3)
    for here, there in zip(net.parameters(), again.parameters(), strict=True):
        assert torch.equal(here, there)


def test_what_has_no_gradient_stays() -> None:
    weight, bias = nn.Parameter(torch.ones(3, 4)), nn.Parameter(torch.ones(3))
    Muon([weight], [bias], weight_decay=0.5).step()
    assert bool((weight == 1).all()) and bool((bias == 1).all())


def _learn(net: nn.Module, optimiser: Muon, steps: int) -> None:
    for _ in range(steps):
        optimiser.zero_grad()
        net(torch.randn(7, 6)).square().mean().backward()
        optimiser.step()


def test_a_matrix_among_all_weights_is_not_taken_twice() -> None:
    matrix, bias = (torch.nn.Parameter(torch.ones(shape)) for shape in ((3, 2), (3,)))
    inner, rest = Muon([matrix], [bias, matrix]).param_groups
    assert inner["params"] == [matrix] and rest["params"] == [bias]
