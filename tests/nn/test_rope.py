"""Rotary positions: scores depend on distances, also a million positions away, and lengths are kept."""

import pytest
import torch

from smalti.nn.rope import RowTurns, rotate, rotation, turn_in_place


def _scores(offset: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(2)
    queries, keys = (torch.randn(2, 3, 7, 8, generator=generator) for _ in range(2))
    turn = rotation(offset + torch.arange(7)[None], head_dim=8)
    return rotate(queries, turn) @ rotate(keys, turn).transpose(-1, -2)


@pytest.mark.parametrize("offset", [1, 1_000, 1_000_000])
def test_scores_depend_on_distance_only(offset: int):
    assert (_scores(offset) - _scores(0)).abs().max() < 1e-5


def test_a_turn_keeps_lengths_and_position_zero_turns_nothing():
    vectors = torch.randn(2, 3, 5, 8, generator=torch.Generator().manual_seed(4))
    turned = rotate(vectors, rotation(torch.arange(5)[None], head_dim=8))
    assert torch.allclose(turned.norm(dim=-1), vectors.norm(dim=-1), atol=1e-5)
    assert torch.equal(turned[:, :, 0], vectors[:, :, 0])


def test_every_pair_turns_at_its_own_rate():
    turn = rotation(torch.tensor([[3]]), head_dim=8)
    wanted = 3 * 10_000.0 ** -(torch.arange(4) / 4)
    assert torch.allclose(torch.atan2(turn.sine, turn.cosine).flatten(), wanted - 2 * torch.pi * (wanted > torch.pi))


def test_positions_of_two_parts_know_the_frame_and_the_place_in_it():
    """With 5 rows a frame, the place alone turns half of the pairs, and a whole frame turns only the others."""
    one, frame_later, next_row = (rotation(torch.tensor([[position]]), head_dim=8, stride=5) for position in (7, 12, 8))
    assert torch.equal(one.cosine[..., 2:], frame_later.cosine[..., 2:])
    assert not torch.equal(one.cosine[..., 0], frame_later.cosine[..., 0])
    assert torch.equal(one.cosine[..., :2], next_row.cosine[..., :2])
    assert not torch.equal(one.cosine[..., 2], next_row.cosine[..., 2])
    plain = rotation(torch.tensor([[1]]), head_dim=4)
    assert torch.equal(one.sine[..., :2], plain.sine)  # frame 1


@pytest.mark.parametrize("stride", [1, 5])
def test_a_row_turned_in_place_is_the_row_rotated(stride: int):
    vectors = torch.randn(3, 2, 4, 10, generator=torch.Generator().manual_seed(4))  # of 3 histories queries and keys
    positions = torch.tensor([0, 7, 10_000_000_000])
    turn = rotation(positions[:, None], head_dim=10, stride=stride)
    wanted = rotate(vectors.transpose(0, 1)[:, :, :, None], turn)[:, :, :, 0].transpose(0, 1)
    turn_in_place(
        vectors.view(3, 2, 4, 2, 5), RowTurns(head_dim=10, stride=stride, device=vectors.device).at(positions)
    )
    torch.testing.assert_close(vectors, wanted, rtol=0, atol=1e-6)
