"""The band: blocked, fused, plain and cached attention see exactly the same keys."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from smalti.nn.attention import attend, band, banded_attention


def _vectors(count: int, seed: int = 0) -> tuple[torch.Tensor, ...]:
    generator = torch.Generator().manual_seed(seed)
    return tuple(torch.randn(2, 3, count, 4, generator=generator) for _ in range(3))


@settings(deadline=None)
@given(st.integers(1, 40), st.integers(1, 9))
def test_blocks_equal_one_masked_square(count: int, window: int):
    queries, keys, values = _vectors(count)
    square = attend(queries, keys, values, band(count, window, queries.device))
    assert (banded_attention(queries, keys, values, window=window) - square).abs().max() < 1e-5


@settings(deadline=None)
@given(st.integers(1, 30), st.integers(1, 9), st.integers(0, 12))
def test_blocks_behind_a_past_are_the_end_of_the_whole(count: int, window: int, earlier: int):
    queries, keys, values = _vectors(earlier + count)
    whole = banded_attention(queries, keys, values, window=window)[:, :, earlier:]
    missing = max(0, window - earlier)  # keys that the ring has room for but nobody wrote: whatever they hold, unseen
    begun = torch.full((2, 3, missing, 4), 9.0)
    near_keys, near_values = (torch.cat([begun, x[:, :, max(0, earlier - window) :]], dim=2) for x in (keys, values))
    past = (torch.arange(window) >= missing).expand(2, -1)
    found = banded_attention(queries[:, :, earlier:], near_keys, near_values, window=window, past=past)
    assert (found - whole).abs().max() < 1e-5


@pytest.mark.parametrize("count", [7, 31])
def test_a_query_has_gradient_from_exactly_the_keys_of_its_band(count: int):
    queries, keys, values = _vectors(count)
    values.requires_grad_()
    for query in range(count):
        mixed = banded_attention(queries, keys, values, window=5)
        (gradient,) = torch.autograd.grad(mixed[:, :, query].sum(), values)
        touched = gradient.abs().sum((0, 1, 3)).nonzero().flatten().tolist()
        assert touched == list(range(max(0, query - 4), query + 1))


def test_plain_lines_under_autocast_are_the_fused_kernel():
    queries, keys, values = _vectors(9)
    visible = band(9, 4, queries.device)
    fused = attend(queries, keys, values, visible)
    with torch.autocast("cpu", torch.bfloat16):
        plain = attend(queries, keys, values, visible)
    assert plain.dtype == torch.bfloat16
    assert (plain - fused).abs().max() < 0.05
