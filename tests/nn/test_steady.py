"""Steady linear maps: of a row they make the same number for number, whatever else is mapped with it."""

import copy
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from smalti.nn import steady as steadily
from smalti.nn.steady import BLOCK, SteadyLinear, steady

SIZES = [(512, 128), (768, 3072), (3072, 768), (24, 72)]
"""From and to; the first three are those of transformers whose plain products in bf16 depend on the number of rows."""


@pytest.fixture(params=["laid out", "as it comes"])
def linear(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Callable[[int, int], SteadyLinear]:
    """With weights laid out for the processor, where it has instructions for bf16, and without."""
    if request.param == "as it comes":
        monkeypatch.setattr(steadily, "_laid_out", lambda weight: None)

    def made(dim: int, wide: int) -> SteadyLinear:
        torch.manual_seed(dim)
        return SteadyLinear(torch.randn(wide, dim) / dim**0.5, 0.1 * torch.randn(wide))

    return made


def rows(count: int, dim: int) -> Tensor:
    return torch.randn(count, dim, generator=torch.Generator().manual_seed(count))


@pytest.mark.parametrize(("dim", "wide"), SIZES)
@torch.no_grad()
def test_a_row_is_mapped_alike_in_any_company_and_place(
    linear: Callable[[int, int], SteadyLinear], dim: int, wide: int
):
    given, mapping = rows(3 * BLOCK + 5, dim), linear(dim, wide)
    whole = mapping(given)
    for count in (1, 2, 33, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK + 7):
        assert torch.equal(mapping(given[:count]), whole[:count])
        assert torch.equal(mapping(given[-count:]), whole[-count:])


@pytest.mark.parametrize(("dim", "wide"), SIZES)
@torch.no_grad()
def test_it_is_the_linear_map_as_bf16_has_it(linear: Callable[[int, int], SteadyLinear], dim: int, wide: int):
    given, mapping = rows(2 * (BLOCK // 4) * 3, dim).view(2, -1, 3, dim), linear(dim, wide)
    found = mapping(given)
    exact = functional.linear(given.bfloat16().float(), mapping.weight.float(), mapping.bias.float())
    assert found.shape == (2, BLOCK // 4, 3, wide) and found.dtype == torch.bfloat16
    torch.testing.assert_close(found.float(), exact, rtol=2**-8, atol=2**-8)


@torch.no_grad()
def test_a_map_may_have_no_bias():
    mapping = SteadyLinear(torch.eye(5), None)
    assert torch.equal(mapping(torch.arange(10.0).view(2, 5)), torch.arange(10.0).view(2, 5).bfloat16())


@torch.no_grad()
def test_every_linear_map_of_a_module_becomes_steady_and_keeps_its_name():
    torch.manual_seed(0)
    part = nn.Sequential(nn.Linear(4, 6), nn.LayerNorm(6), nn.ModuleDict({"inner": nn.Linear(6, 3, bias=False)}))
    names = part.state_dict().keys()
    steady(part)
    kinds = [type(one).__name__ for one in part.modules()]
    assert kinds.count("SteadyLinear") == 2 and "Linear" not in kinds
    assert part.state_dict().keys() == names
    assert torch.equal(copy.deepcopy(part)[0](rows(7, 4)), part[0](rows(7, 4)))
