"""Prototypes are mean directions of tokens; matching tells them apart."""

import pytest
import torch

from smalti.losses import Likeness, matching, prototypes


def test_a_prototype_is_the_mean_direction_of_its_frames() -> None:
    vectors = torch.tensor([[2.0, 0, 0], [0, 2, 0], [0, 0, 1], [0, 0, 3]])
    found, used = prototypes(vectors, torch.tensor([4, 4, 1, 1]))
    assert used.tolist() == [1, 4]
    torch.testing.assert_close(found, torch.tensor([[0, 0, 1], [0.5**0.5, 0.5**0.5, 0]]))


@pytest.mark.parametrize("kind", ["cosine", "learnt"])
def test_matching_trains_vectors_and_what_compares_them(kind: str) -> None:
    torch.manual_seed(0)
    likeness = Likeness(5, kind)  # pyright: ignore[reportArgumentType]
    vectors = torch.nn.functional.normalize(torch.randn(7, 5), dim=1).requires_grad_()
    matching(vectors, torch.tensor([0, 0, 2, 2, 2, 1, 1]), torch.eye(5)[:3], likeness, temperature=0.1).backward()
    assert vectors.grad is not None and vectors.grad.any()
    assert all(
        weight.grad is not None and weight.grad.any()
        for name, weight in likeness.named_parameters()
        if "bias" not in name
    )


def test_codes_that_are_their_own_prototypes_match_by_angle() -> None:
    codebook = torch.eye(4)
    own = matching(codebook, torch.arange(4), codebook, Likeness(4, "cosine"), temperature=0.1)
    other = matching(codebook, torch.arange(4).roll(1), codebook, Likeness(4, "cosine"), temperature=0.1)
    assert own < 0.01 < 5 < other
