"""Codes of few dimensions can begin among latents, and begin anew where they fell idle."""

import torch

from smalti.nn.weight_norm import norm_weights
from smalti.quantize.projected import ProjectedResidualQuantizer


def _quantizer() -> ProjectedResidualQuantizer:
    torch.manual_seed(0)
    return ProjectedResidualQuantizer(dim=12, codebooks=3, vocab=7, code_dim=4)


def _latents() -> torch.Tensor:
    return 5 * torch.randn(1, 12, 400, generator=torch.Generator().manual_seed(1))


def _started(seed: int = 3) -> ProjectedResidualQuantizer:
    quantizer = _quantizer()
    quantizer.start(_latents(), generator=torch.Generator().manual_seed(seed))
    return quantizer


def test_codes_placed_among_latents_are_nearer_and_all_in_use() -> None:
    before, after = (quantizer(_latents()) for quantizer in (_quantizer(), _started()))
    missed, found = (float((each.vectors - _latents()).square().mean().detach()) for each in (before, after))
    assert found < 0.6 * float(_latents().square().mean()) < 0.6 * missed
    assert all(len(row.unique()) == 7 for row in after.codes[0])


def test_normed_weights_take_the_same_place() -> None:
    normed = _quantizer()
    norm_weights(normed)
    normed.start(_latents(), generator=torch.Generator().manual_seed(3))
    torch.testing.assert_close(normed(_latents()).vectors, _started()(_latents()).vectors, rtol=1e-3, atol=1e-3)


def test_where_codes_are_placed_depends_on_the_generator_alone() -> None:
    torch.manual_seed(1)
    one = _started()
    torch.manual_seed(2)
    other = _started()
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters(), strict=True))


def test_each_codebook_looks_at_what_the_ones_before_it_left_over() -> None:
    quantizer, latents = _started(), torch.cat([_latents(), 2 * _latents()])
    first, second, _ = quantizer.looks(latents)
    layer = quantizer.layers[0]
    assert first[0] is layer.codebook.weight and torch.equal(first[2], quantizer.encode(latents)[:, 0].flatten())
    torch.testing.assert_close(first[1][403], layer.inwards(latents)[1, :, 3])
    left = latents - layer.decode(layer.encode(latents))
    torch.testing.assert_close(second[1][403], quantizer.layers[1].inwards(left)[1, :, 3])
