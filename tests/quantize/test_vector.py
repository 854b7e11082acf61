"""Laws of the codebooks: they learn where the latents are, revive what is idle, and resume bit for bit."""

import pytest
import torch
from torch import Tensor

from smalti.quantize import (
    CosineQuantizer,
    FiniteScalarQuantizer,
    PlainQuantizer,
    Quantizer,
    ResidualVectorQuantizer,
    RowQuantizer,
    VectorQuantizer,
    perplexity,
)


def _latents(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def _quantizers() -> list[Quantizer]:
    torch.manual_seed(0)
    return [
        VectorQuantizer(dim=6, vocab=11),
        ResidualVectorQuantizer(dim=6, codebooks=3, vocab=11),
        RowQuantizer(VectorQuantizer(dim=2, vocab=11), rows=3),
        PlainQuantizer(dim=6, vocab=11),
        CosineQuantizer(dim=6, vocab=11, directions=3),
        FiniteScalarQuantizer(dim=6, levels=[4, 3]),
        RowQuantizer(ResidualVectorQuantizer(dim=3, codebooks=2, vocab=11), rows=2),
    ]


def _name(quantizer: Quantizer) -> str:
    inside = getattr(quantizer, "shared", None)
    return type(quantizer).__name__ + (f" of {type(inside).__name__}" if inside else "")


@pytest.mark.parametrize("quantizer", _quantizers(), ids=_name)
def test_every_quantizer_keeps_the_interface(quantizer: Quantizer) -> None:
    assert isinstance(quantizer, Quantizer)
    latents = _latents(2, 6, 7).requires_grad_()
    quantizer.start(latents.detach())
    found = quantizer.forward(latents)
    assert found.codes.shape == (2, quantizer.codebooks, 7)
    assert 0 <= found.codes.min() <= found.codes.max() < quantizer.vocab
    assert found.vectors.shape == latents.shape
    (gradient,) = torch.autograd.grad(found.vectors.sum(), latents, retain_graph=True)
    assert gradient.abs().sum() > 0
    if not isinstance(quantizer, CosineQuantizer | FiniteScalarQuantizer):
        assert torch.equal(gradient, torch.ones_like(latents))
    if not isinstance(quantizer, FiniteScalarQuantizer):
        (pull,) = torch.autograd.grad(found.loss, latents)
        assert pull.abs().sum() > 0


@pytest.mark.parametrize("quantizer", _quantizers(), ids=_name)
def test_decoding_the_codes_gives_the_vectors_of_the_forward_pass(quantizer: Quantizer) -> None:
    latents = _latents(2, 6, 7)
    torch.nn.Module.eval(quantizer)
    found = quantizer.forward(latents)
    assert torch.equal(quantizer.encode(latents), found.codes)
    assert torch.allclose(quantizer.decode(found.codes), found.vectors, atol=1e-6)


@pytest.mark.parametrize("quantizer", _quantizers(), ids=_name)
def test_an_item_alone_gets_the_codes_it_gets_in_a_batch(quantizer: Quantizer) -> None:
    latents = _latents(3, 6, 5)
    assert torch.equal(quantizer.encode(latents)[1:2], quantizer.encode(latents[1:2]))


def test_each_latent_takes_the_nearest_code() -> None:
    quantizer = VectorQuantizer(dim=6, vocab=11)
    latents = _latents(2, 6, 7)
    distances = torch.cdist(latents.mT.reshape(-1, 6), quantizer.vectors)
    assert torch.equal(quantizer.encode(latents).flatten(), distances.argmin(dim=1))


def test_later_codebooks_say_what_earlier_ones_left_over() -> None:
    quantizer = ResidualVectorQuantizer(dim=6, codebooks=4, vocab=16)
    latents = _latents(8, 6, 32)
    torch.manual_seed(1)
    quantizer.start(latents)
    codes = quantizer.encode(latents)
    left = []
    for used in range(1, 5):
        partial = sum(q.decode(codes[:, i : i + 1]) for i, q in enumerate(list(quantizer.layers)[:used]))
        left.append(float((latents - partial).pow(2).mean()))
    assert left == sorted(left, reverse=True)
    assert left[-1] < 0.3 * left[0]


def test_code_vectors_move_to_the_mean_of_the_latents_that_choose_them() -> None:
    quantizer = VectorQuantizer(dim=2, vocab=2, decay=0.5)
    centres = torch.tensor([[3.0, 3.0], [-3.0, -3.0]])
    latents = (centres[torch.arange(64) % 2] + 0.01 * _latents(64, 2)).T[None]
    quantizer.start(latents)
    for _ in range(20):
        quantizer.forward(latents)
    found = quantizer.vectors[quantizer.vectors[:, 0].argsort(descending=True)]
    assert torch.allclose(found, centres, atol=0.02)


def test_a_collapsed_codebook_comes_back_to_life() -> None:
    quantizer = VectorQuantizer(dim=4, vocab=128)
    latents = _latents(4, 4, 256)
    quantizer.vectors.fill_(50.0)
    quantizer.vectors[:20] = 0.1 * _latents(20, 4)
    quantizer.counts[20:] = 0
    before = len(quantizer.encode(latents).unique())
    torch.manual_seed(2)
    quantizer.forward(latents, restart_below=0.1)
    after = len(quantizer.encode(latents).unique())
    assert before <= 20
    assert after >= 100


def test_without_restart_dead_codes_stay_dead() -> None:
    quantizer = VectorQuantizer(dim=4, vocab=16)
    quantizer.vectors[3] = 50.0
    quantizer.sums[3] = 50.0
    for _ in range(5):
        found = quantizer.forward(_latents(2, 4, 9))
        assert not (found.codes == 3).any()


def test_evaluation_changes_nothing() -> None:
    quantizer = ResidualVectorQuantizer(dim=6, codebooks=2, vocab=11).eval()
    before = {name: value.clone() for name, value in quantizer.state_dict().items()}
    quantizer(_latents(2, 6, 7), restart_below=1.0)
    assert all(torch.equal(before[name], value) for name, value in quantizer.state_dict().items())


def test_a_loaded_quantizer_goes_on_bit_for_bit() -> None:
    torch.manual_seed(3)
    first = ResidualVectorQuantizer(dim=6, codebooks=2, vocab=11)
    first(_latents(2, 6, 7), restart_below=0.3)
    second = ResidualVectorQuantizer(dim=6, codebooks=2, vocab=11)
    second.load_state_dict(first.state_dict())
    for quantizer in (first, second):
        torch.manual_seed(4)
        quantizer(_latents(2, 6, 7, seed=1), restart_below=0.3)
    assert all(torch.equal(first.state_dict()[name], value) for name, value in second.state_dict().items())


def test_autocast_does_not_reach_the_arithmetic() -> None:
    quantizer = VectorQuantizer(dim=6, vocab=11).eval()
    latents = _latents(2, 6, 7)
    with torch.autocast("cpu", torch.bfloat16):
        found = quantizer(latents)
    assert torch.equal(found.codes, quantizer(latents).codes)
    assert found.vectors.dtype == torch.float32


def test_rows_share_one_codebook_and_keep_their_order() -> None:
    quantizer = RowQuantizer(VectorQuantizer(dim=2, vocab=4), rows=3)
    quantizer.shared.vectors.copy_(torch.tensor([[0.0, 0], [1, 0], [0, 1], [1, 1]]))
    latents = torch.tensor([[0.0, 1], [0, 1], [1, 0], [1, 0], [1, 1], [0, 0]])[None]
    codes = quantizer.encode(latents)
    assert codes.tolist() == [[[0, 3], [3, 0], [1, 1]]]
    assert torch.equal(quantizer.decode(codes), latents)


def test_a_start_spreads_the_codes_over_the_latents() -> None:
    torch.manual_seed(5)
    quantizer = VectorQuantizer(dim=4, vocab=32)
    latents = 7 + _latents(4, 4, 200)
    quantizer.start(latents)
    assert perplexity(quantizer.encode(latents).transpose(0, 1).flatten(1), 32)[0] > 24


def test_no_more_codes_begin_anew_in_a_step_than_allowed_and_the_idlest_do() -> None:
    quantizer = VectorQuantizer(dim=3, vocab=8, restarts=2)
    quantizer.vectors.copy_(100 + torch.arange(24.0).reshape(8, 3))
    quantizer.counts.copy_(torch.tensor([5, 5, 0.3, 5, 0.1, 0.2, 5, 0.4]))
    before = quantizer.vectors.clone()
    quantizer.sums.copy_(before * quantizer.counts[:, None])
    quantizer(torch.randn(1, 3, 4, generator=torch.Generator().manual_seed(0)), restart_below=0.5)
    near = quantizer.vectors.abs().amax(dim=1) < 50
    assert near.nonzero().flatten().tolist() == [4, 5]
