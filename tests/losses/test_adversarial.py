"""Laws of the adversarial losses: their values at rest, where gradients go, and the weight that balances two pulls."""

import torch

from smalti.losses import (
    adaptive_weight,
    feature_matching,
    hinge_discriminator,
    hinge_generator,
    least_squares_discriminator,
    least_squares_generator,
    relative_feature_matching,
    summed_feature_matching,
)


def test_a_judge_that_says_nothing_costs_one_and_a_sure_one_nothing():
    nothing = [torch.zeros(2, 3), torch.zeros(2, 5)]
    assert float(hinge_discriminator(nothing, nothing)) == 1
    assert float(hinge_discriminator([torch.full((2, 3), 1.5)], [torch.full((2, 3), -1.5)])) == 0
    assert float(hinge_generator([torch.full((2, 3), 2.0), torch.full((7,), 4.0)])) == -3


def test_features_of_real_things_get_no_gradient():
    real, made = torch.randn(2, 4, requires_grad=True), torch.randn(2, 4, requires_grad=True)
    feature_matching([[real]], [[made]]).backward()
    assert real.grad is None and made.grad is not None
    assert float(feature_matching([[real, real]], [[real, real]])) == 0


def test_relative_features_do_not_depend_on_how_loud_a_layer_is():
    real, made = torch.randn(2, 4), torch.randn(2, 4, requires_grad=True)
    once, loud = (relative_feature_matching([[level * real]], [[level * made]]) for level in (1.0, 50.0))
    torch.testing.assert_close(once, loud)
    once.backward()
    assert made.grad is not None
    assert float(relative_feature_matching([[2 * torch.ones(3)]], [[torch.ones(3)]])) == 0.5
    assert torch.isfinite(relative_feature_matching([[torch.zeros(3)]], [[torch.ones(3)]]))


def test_the_adaptive_weight_makes_both_pulls_equal_within_its_bounds():
    last = torch.tensor([3.0, -1.0], requires_grad=True)
    reconstruction, adversarial = (last * torch.tensor([2.0, 0.0])).sum(), (last * torch.tensor([0.0, 4.0])).sum()
    assert abs(float(adaptive_weight(reconstruction, adversarial, last, high=10)) - 0.5) < 1e-4
    assert float(adaptive_weight(reconstruction, adversarial, last, low=0.7, high=0.8)) == torch.tensor(0.7)
    reconstruction.backward()  # the graph is still there
    assert last.grad is not None


def test_least_squares_are_at_rest_where_real_is_one_and_made_is_nothing():
    nothing = [torch.zeros(2, 3), torch.zeros(2, 5)]
    assert float(least_squares_discriminator(nothing, nothing)) == 2
    assert float(least_squares_discriminator([torch.ones(2, 3)], [torch.zeros(7)])) == 0
    assert float(least_squares_discriminator([torch.full((2, 3), 3.0)], [torch.full((7,), 0.5)])) == 4.25
    assert float(least_squares_generator([torch.ones(4), torch.full((2, 3), -1.0)])) == 4


def test_summed_features_count_every_layer():
    real, made = (
        [[torch.zeros(2, 3), torch.ones(5)], [torch.ones(4)]],
        [[torch.ones(2, 3), torch.ones(5)], [torch.zeros(4)]],
    )
    assert float(summed_feature_matching(real, made)) == 2
    assert abs(float(feature_matching(real, made)) - 2 / 3) < 1e-6
