"""Laws of each kind of quantiser beside the moving averages: plain, cosine, finite scalar, rows, and their factory."""

import math

import pytest
import torch
from torch import Tensor

from smalti.config import load_settings
from smalti.core import ParameterError
from smalti.quantize import (
    CosineQuantizer,
    FiniteScalarQuantizer,
    PlainQuantizer,
    QuantizerConfig,
    ResidualVectorQuantizer,
    RowQuantizer,
    VectorQuantizer,
    build_quantizer,
    levels_for,
    perplexity,
)


def _latents(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize(("kind", "codebooks"), [("ema", 3), ("plain", 3), ("cosine", 3), ("fsq", 3), ("rvq", 6)])
def test_one_word_makes_each_kind(kind: str, codebooks: int) -> None:
    config = load_settings(QuantizerConfig, "vocab = 64\ndepth = 2\ndim = 3", [f"kind={kind}"])
    quantizer = build_quantizer(config, dim=4, rows=3)
    assert quantizer.codebooks == codebooks
    assert quantizer.encode(_latents(2, 12, 5)).shape == (2, codebooks, 5)
    assert build_quantizer(config, dim=4).codebooks == codebooks // 3


def test_plain_begins_near_zero_as_published_and_is_learnt_by_gradient() -> None:
    quantizer = PlainQuantizer(dim=4, vocab=16)
    assert quantizer.vectors.abs().max() <= 1 / 16
    before = quantizer.vectors.detach().clone()
    quantizer.start(_latents(2, 4, 9))
    assert torch.equal(quantizer.vectors, before)
    latents = _latents(2, 4, 9).requires_grad_()
    found = quantizer(latents)
    assert found.codebook_loss is not None
    (gradient,) = torch.autograd.grad(found.codebook_loss, quantizer.vectors, retain_graph=True)
    used = torch.bincount(found.codes.flatten(), minlength=16) > 0
    assert torch.equal(gradient.abs().sum(dim=1) > 0, used)
    assert torch.autograd.grad(found.codebook_loss, latents, allow_unused=True) == (None,)
    assert torch.autograd.grad(found.loss, quantizer.vectors, allow_unused=True) == (None,)


@pytest.mark.parametrize("kind", ["ema", "plain", "cosine"])
def test_defect_1_a_restart_takes_encoder_outputs_so_a_collapsed_codebook_uses_them(kind: str) -> None:
    """The reference refilled dead codes with copies of live ones: 21 vectors in use before, 21 after."""
    torch.manual_seed(1)
    latents = _latents(4, 8, 256)
    quantizer = build_quantizer(QuantizerConfig(vocab=128, kind=kind, dim=8), dim=8)
    book = quantizer.codebook if isinstance(quantizer, CosineQuantizer) else quantizer
    assert isinstance(book, VectorQuantizer | PlainQuantizer)
    with torch.no_grad():
        quantizer.start(latents)
        live = book.vectors[:20].clone() if kind != "plain" else latents.mT.flatten(0, 1)[:20]
        book.vectors.copy_(live[torch.arange(128) % 20])
        book.counts.copy_((torch.arange(128) < 20).float())
    before = len(quantizer.encode(latents).unique())
    quantizer(latents, restart_below=0.1)
    assert before <= 20
    assert len(quantizer.encode(latents).unique()) >= 100


def test_defect_4_what_begins_among_the_latents_uses_its_codes_and_plain_does_not() -> None:
    """The reference began with vectors within ±1/V of zero, of which a few take all latents."""
    perplexities = {}
    for kind in ("plain", "ema", "cosine"):
        torch.manual_seed(4)
        quantizer = build_quantizer(QuantizerConfig(vocab=64, kind=kind, dim=8), dim=8)
        latents = 3 + _latents(4, 8, 200)
        quantizer.start(latents)
        optimiser = torch.optim.Adam([*quantizer.parameters(), torch.nn.Parameter(torch.zeros(1))], lr=1e-3)
        for step in range(30):
            found = quantizer(3 + _latents(4, 8, 200, seed=step))
            if found.codebook_loss is not None:
                optimiser.zero_grad()
                found.codebook_loss.backward()
                optimiser.step()
        perplexities[kind] = float(perplexity(quantizer.encode(latents).transpose(0, 1).flatten(1), 64)[0])
    assert perplexities["ema"] > 30 and perplexities["cosine"] > 30 > 10 > perplexities["plain"]


def test_plain_says_which_rows_began_anew_so_that_moments_can_be_forgotten() -> None:
    quantizer = PlainQuantizer(dim=4, vocab=16)
    quantizer(_latents(2, 4, 9))
    assert quantizer.restarted is None
    quantizer.counts[5:] = 0
    quantizer(_latents(2, 4, 9), restart_below=0.1)
    assert quantizer.restarted is not None and quantizer.restarted[5:].sum() > 0
    quantizer.eval()(_latents(2, 4, 9), restart_below=0.1)
    assert quantizer.restarted is None


def test_directions_have_length_one_and_loudness_does_not_matter() -> None:
    torch.manual_seed(2)
    quantizer = CosineQuantizer(dim=6, vocab=11, directions=3)
    quantizer.inwards.bias.data.zero_()
    latents = _latents(2, 6, 40)
    quantizer.start(latents)
    for _ in range(3):
        quantizer(latents, restart_below=0.1)
    assert torch.allclose(quantizer.codebook.vectors.norm(dim=1), torch.ones(11))
    assert torch.equal(quantizer.encode(7 * latents), quantizer.encode(latents))


def test_finite_scalars_name_every_cell_of_their_grid_once() -> None:
    quantizer = FiniteScalarQuantizer(dim=3, levels=[3, 2, 5])
    assert quantizer.vocab == 30
    torch.nn.init.eye_(quantizer.inwards.weight[:, :, 0])
    torch.nn.init.zeros_(quantizer.inwards.bias)
    points = 3 * _latents(1, 3, 4000)
    assert len(quantizer.encode(points).unique()) == 30
    codes = torch.arange(30)[None, None]
    values = codes // quantizer.base % quantizer.sizes - quantizer.sizes // 2
    inverse = torch.atanh((values + quantizer.offset) / quantizer.reach * 0.98) - quantizer.shift
    assert torch.equal(quantizer.encode(inverse), codes)


def test_finite_scalars_pass_gradients_straight_through_the_rounding() -> None:
    quantizer = FiniteScalarQuantizer(dim=6, levels=[8, 5])
    latents = _latents(2, 6, 7).requires_grad_()
    (gradient,) = torch.autograd.grad(quantizer(latents).vectors.pow(2).sum(), latents)
    assert (gradient.abs().sum(dim=1) > 0).all()


@pytest.mark.parametrize("vocab", [2, 16, 25, 64, 128, 256, 512, 1000, 1024, 4096, 16384, 65536])
def test_levels_come_near_the_size_asked_for(vocab: int) -> None:
    assert 0.8 * vocab <= math.prod(levels_for(vocab)) <= 1.1 * vocab


def test_a_thousand_codes_have_the_levels_of_the_paper() -> None:
    assert levels_for(1024) == (8, 5, 5, 5)


def test_levels_that_make_no_grid_are_refused() -> None:
    for levels in ([], [1, 5], [256, 256, 2]):
        with pytest.raises(ParameterError, match="make no grid"):
            FiniteScalarQuantizer(dim=4, levels=levels)


def test_rows_of_residual_codebooks_come_row_by_row() -> None:
    torch.manual_seed(3)
    one = ResidualVectorQuantizer(dim=2, codebooks=2, vocab=5)
    rows = RowQuantizer(one, rows=3)
    latents = _latents(1, 6, 4)
    codes = rows.encode(latents)
    for row in range(3):
        assert torch.equal(codes[:, 2 * row : 2 * row + 2], one.encode(latents[:, 2 * row : 2 * row + 2]))
    assert torch.allclose(rows.decode(codes)[:, 2:4], one.decode(codes[:, 2:4]))
