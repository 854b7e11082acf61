"""Layers that hear from both ends hear no padding."""

import pytest
import torch

from smalti.nn.both_ways import BothWays


@pytest.mark.parametrize("kind", ["gru", "lstm"])
def test_an_item_alone_equals_the_item_before_any_padding(kind: str) -> None:
    torch.manual_seed(0)
    layers = BothWays(kind, 6, layers=2).eval()  # pyright: ignore[reportArgumentType]
    rows, lengths = torch.randn(3, 9, 6), torch.tensor([9, 4, 1])
    together = layers(rows, lengths)
    assert together.shape == (3, 9, 12)
    for row, length, found in zip(rows, lengths.tolist(), together, strict=True):
        alone = layers(row[None, :length], torch.tensor([length]))[0]
        torch.testing.assert_close(found[:length], alone, rtol=0, atol=1e-6)


def test_it_equals_the_layer_of_torch_with_the_same_weights() -> None:
    torch.manual_seed(0)
    ours, theirs = BothWays("gru", 5, layers=1), torch.nn.GRU(5, 5, bidirectional=True, batch_first=True)
    own = {name: value for name, value in theirs.state_dict().items() if not name.endswith("_reverse")}
    other = {name.removesuffix("_reverse"): value for name, value in theirs.state_dict().items() if name not in own}
    ours.ahead[0].load_state_dict(own)
    ours.back[0].load_state_dict(other)
    rows = torch.randn(2, 7, 5)
    torch.testing.assert_close(ours(rows, torch.tensor([7, 7])), theirs(rows)[0], rtol=0, atol=1e-6)


def test_both_ends_are_heard_by_every_row() -> None:
    torch.manual_seed(0)
    layers, rows = BothWays("lstm", 4, layers=1).eval(), torch.randn(1, 6, 4)
    lengths = torch.tensor([6])
    for end in (0, 5):
        other = rows.clone()
        other[0, end] += 1
        assert (layers(other, lengths) != layers(rows, lengths)).any(dim=2).all()
