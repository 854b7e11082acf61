"""The transformer of vision: its formula, its names, and rows without an order of their own."""

import math

import pytest
import torch
from torch.nn import functional

from smalti.core import ParameterError
from smalti.nn.vision_transformer import VisionSettings, VisionTransformer


def _net() -> VisionTransformer:
    torch.manual_seed(0)
    net = VisionTransformer(VisionSettings(width=12, layers=2, heads=3))
    for value in net.parameters():
        value.data += 0.1 * torch.randn_like(value)
    return net


def _rows() -> torch.Tensor:
    return torch.randn(2, 7, 12, generator=torch.Generator().manual_seed(1))


def _plain(state: dict[str, torch.Tensor], rows: torch.Tensor) -> torch.Tensor:
    """The same by hand, one head after another."""
    for layer in range(2):
        part = {name.removeprefix(f"blocks.{layer}."): value for name, value in state.items()}
        seen = functional.layer_norm(rows, (12,), part["norm1.weight"], part["norm1.bias"], 1e-6)
        queries, keys, values = (seen @ part["attn.qkv.weight"].T + part["attn.qkv.bias"]).chunk(3, -1)
        heads = []
        for head in (slice(0, 4), slice(4, 8), slice(8, 12)):
            weights = (queries[..., head] @ keys[..., head].mT / 2).softmax(-1)
            heads.append(weights @ values[..., head])
        rows = rows + torch.cat(heads, -1) @ part["attn.proj.weight"].T + part["attn.proj.bias"]
        seen = functional.layer_norm(rows, (12,), part["norm2.weight"], part["norm2.bias"], 1e-6)
        inner = seen @ part["mlp.fc1.weight"].T + part["mlp.fc1.bias"]
        inner = inner * 0.5 * (1 + torch.erf(inner / math.sqrt(2)))
        rows = rows + inner @ part["mlp.fc2.weight"].T + part["mlp.fc2.bias"]
    return functional.layer_norm(rows, (12,), state["norm.weight"], state["norm.bias"], 1e-6)


def test_it_is_the_published_formula():
    net = _net()
    torch.testing.assert_close(net(_rows()), _plain(net.state_dict(), _rows()), rtol=1e-5, atol=1e-5)


@torch.no_grad()
def test_the_last_state_is_the_output_and_earlier_ones_are_not_normalised():
    net, rows = _net(), _rows()
    first, last = net.states(rows)
    assert torch.equal(last, net(rows))
    assert torch.equal(first, net.blocks[0](rows))


@torch.no_grad()
def test_rows_have_no_order():
    net, rows = _net(), _rows()
    order = torch.tensor([3, 0, 6, 1, 5, 2, 4])
    torch.testing.assert_close(net(rows[:, order]), net(rows)[:, order])


def test_without_gradients_it_gives_what_it_gives_with_them():
    net, rows = _net(), _rows()
    heard = net(rows)
    with torch.no_grad():
        torch.testing.assert_close(net(rows), heard, rtol=1e-5, atol=1e-6)


def test_it_begins_xavier_uniform_without_biases():
    net = VisionTransformer(VisionSettings(width=16, layers=1, heads=2))
    state = net.state_dict()
    limit = math.sqrt(6 / (16 + 48))
    assert 0.9 * limit < float(state["blocks.0.attn.qkv.weight"].abs().max()) <= limit
    assert not state["blocks.0.mlp.fc1.bias"].any()


def test_heads_that_do_not_divide_the_width_are_refused():
    with pytest.raises(ParameterError, match="width 10 does not split into 4 heads"):
        VisionSettings(width=10, layers=1, heads=4)
