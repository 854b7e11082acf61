"""Few rows: the product and the norm of the layers, in whatever order the weights lie."""

import pytest
import torch

from smalti.nn.few_rows import FewRows, UnitRows


@pytest.mark.parametrize("rows", [1, 3, 4, 8, 65])
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("outer", [96, 40])
def test_products_are_those_of_the_layer(rows: int, bias: bool, outer: int):
    torch.manual_seed(0)
    layer, given = torch.nn.Linear(20, outer, bias=bias).requires_grad_(False), torch.randn(rows, 20)
    few = FewRows(layer.weight, layer.bias, rows=rows)
    torch.testing.assert_close(few(given), layer(given), rtol=0, atol=1e-5)
    torch.testing.assert_close(few(given[:1]), layer(given[:1]), rtol=0, atol=1e-5)  # of fewer than it was laid out for


def test_only_several_rows_are_given_a_copy_of_the_weights():
    weight = torch.zeros(64, 20)
    few = [FewRows(weight, rows=rows) for rows in (1, 3, 4, 64, 65)]
    weight[:] = 1
    assert [float(each(torch.ones(1, 20))[0, 0]) for each in few] == [20, 20, 0, 0, 20]


@torch.no_grad()
@pytest.mark.parametrize("size", [1e-4, 1.0, 1e4])
def test_unit_rows_are_those_of_the_norm(size: float):
    torch.manual_seed(0)
    rows = size * torch.randn(3, 24)
    found = UnitRows(rows[0])(rows)
    torch.testing.assert_close(found, torch.nn.RMSNorm(24, elementwise_affine=False)(rows), rtol=1e-6, atol=1e-6)
