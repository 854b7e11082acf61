"""Ways between latents begin and end exactly where they should."""

import pytest
import torch

from smalti.generate import Way, between


def _ends(size: int = 7) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(size)
    return torch.randn(size, generator=generator), 3 * torch.randn(size, generator=generator)


@pytest.mark.parametrize("way", ["slerp", "linear"])
def test_the_ends_are_the_ends_bit_for_bit(way: Way):
    first, second = _ends()
    assert torch.equal(between(first, second, 0.0, way=way), first)
    assert torch.equal(between(first, second, 1.0, way=way), second)


def test_an_arc_keeps_its_distance_and_moves_evenly():
    first, second = torch.tensor([1.0, 0.0]), torch.tensor([0.0, 1.0])
    for share in (0.25, 0.5, 0.75):
        angle = torch.tensor(share * torch.pi / 2)
        wanted = torch.stack([angle.cos(), angle.sin()])
        torch.testing.assert_close(between(first, second, share), wanted)
    torch.testing.assert_close(between(first, second, 0.5, way="linear"), torch.tensor([0.5, 0.5]))


@pytest.mark.parametrize("scale", [1.0, -1.0, 0.0, 2.0])
def test_latents_without_an_angle_between_them_are_joined_by_a_line(scale: float):
    first, _ = _ends()
    torch.testing.assert_close(between(first, scale * first, 0.25), (0.75 + 0.25 * scale) * first)
