"""Guesses of hidden latents: what angles, prototypes and choices cost at their limits."""

import math

import torch

from smalti.losses import angle_loss, assignment, choice_weights, prototype_loss

GENERATOR = torch.Generator().manual_seed(0)


def test_an_equal_direction_costs_nothing_an_orthogonal_one_two_and_an_opposite_one_four() -> None:
    target = torch.tensor([[3.0, 0.0], [3.0, 0.0], [3.0, 0.0]])
    guess = torch.tensor([[0.5, 0.0], [0.0, 7.0], [-1.0, 0.0]])
    torch.testing.assert_close(angle_loss(guess, target), torch.tensor([0.0, 2.0, 4.0]))


def test_unrelated_vectors_cost_about_two() -> None:
    guess, target = torch.randn(2, 400, 96, generator=GENERATOR)
    assert abs(float(angle_loss(guess, target).mean()) - 2) < 0.05


def test_an_assignment_is_shares_that_sharpen_as_it_cools_and_carry_no_gradient() -> None:
    scores = torch.randn(3, 5, generator=GENERATOR, requires_grad=True)
    shares = assignment(scores, torch.zeros(5), temperature=1e-4)
    assert torch.equal(shares.argmax(1), scores.argmax(1)) and not shares.requires_grad
    torch.testing.assert_close(shares.amax(1), torch.ones(3))
    torch.testing.assert_close(assignment(scores, torch.zeros(5), temperature=1e6), torch.full((3, 5), 0.2))


def test_a_centre_takes_what_all_targets_share() -> None:
    scores = torch.randn(7, 4, generator=GENERATOR)
    common = torch.tensor([9.0, 0.0, 0.0, 0.0])
    moved = assignment(scores + common, common, temperature=0.1)
    torch.testing.assert_close(moved, assignment(scores, torch.zeros(4), temperature=0.1))


def test_a_guess_of_nothing_costs_the_logarithm_of_the_number_of_prototypes() -> None:
    wanted = torch.softmax(torch.randn(6, 2048, generator=GENERATOR), 1)
    found = prototype_loss(torch.zeros(6, 2048), wanted, temperature=0.1)
    torch.testing.assert_close(found, torch.full((6,), math.log(2048)), atol=1e-4, rtol=0)


def test_the_best_guess_of_prototypes_is_the_assignment_itself() -> None:
    wanted = torch.softmax(torch.randn(6, 11, generator=GENERATOR), 1)
    entropy = torch.special.entr(wanted).sum(1)
    torch.testing.assert_close(prototype_loss(0.1 * wanted.log(), wanted, temperature=0.1), entropy)
    assert (prototype_loss(torch.randn(6, 11, generator=GENERATOR), wanted, temperature=0.1) > entropy).all()


def test_choices_become_the_best_one_as_they_cool_and_all_alike_as_they_warm() -> None:
    losses = torch.rand(5, 2, 7, generator=GENERATOR, requires_grad=True)

    def cost(temperature: float) -> torch.Tensor:
        return (choice_weights(losses, temperature=temperature) * losses).sum(0)

    torch.testing.assert_close(cost(1e-6), losses.amin(0))
    torch.testing.assert_close(cost(0.0), losses.amin(0))
    torch.testing.assert_close(cost(1e6), losses.mean(0))
    assert not choice_weights(losses, temperature=0.1).requires_grad


def test_of_equal_choices_the_first_one_wins() -> None:
    losses = torch.tensor([[1.0, 2.0], [1.0, 0.5], [3.0, 0.5]])
    assert choice_weights(losses, temperature=0).tolist() == [[1, 0], [0, 1], [0, 0]]
