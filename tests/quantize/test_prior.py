"""A fixed codebook: latents reach it, the maps around it learn, the centres never move."""

import pytest
import torch
from torch import Tensor

from smalti.core import ParameterError
from smalti.quantize import MiniBatchKMeans, PriorQuantizer, Quantizer, ResidualVectorQuantizer, kmeans, perplexity


def _points(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def _latents(seed: int = 1) -> Tensor:
    """Correlated, far from zero, and wide in one direction."""
    wide = _points(4, 60, 6, seed=seed) * torch.tensor([3.0, 2, 1, 1, 0.5, 0.1])
    return (wide @ torch.linalg.qr(_points(6, 6, seed=9))[0] + 7).mT


def _prior(vocab: int = 16, width: int = 9) -> PriorQuantizer:
    torch.manual_seed(0)
    return PriorQuantizer(40 + 0.2 * _points(vocab, width, seed=3), dim=6)


def _rvq() -> ResidualVectorQuantizer:
    torch.manual_seed(0)
    return ResidualVectorQuantizer(dim=6, codebooks=3, vocab=16, first=_prior())


def test_it_keeps_the_interface_of_all_quantizers() -> None:
    prior = _prior()
    assert isinstance(prior, Quantizer) and prior.vocab == 16
    latents = _latents()
    prior.start(latents)
    found = prior(latents)
    assert torch.equal(prior.encode(latents), found.codes)
    torch.testing.assert_close(prior.decode(found.codes), found.vectors, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("width", [3, 6, 9])
def test_latents_start_spread_over_the_centres_whatever_the_two_widths(width: int) -> None:
    prior = _prior(width=width)
    latents = _latents()
    before = perplexity(prior.encode(latents).transpose(0, 1).flatten(1), 16)[0]
    prior.start(latents)
    after = perplexity(prior.encode(latents).transpose(0, 1).flatten(1), 16)[0]
    assert before < 3 and after > 4
    points = prior.into(latents.mT).flatten(0, 1)
    torch.testing.assert_close(points.mean(0), prior.vectors.mean(0), rtol=0, atol=1e-2)
    left = (prior.decode(prior.encode(latents)) - latents).pow(2).mean()
    assert left < 0.5 * latents.var(dim=(0, 2)).mean()


def test_gradients_go_to_latents_whole_and_to_both_maps_and_not_to_the_centres() -> None:
    prior = _prior()
    prior.start(_latents())
    latents = _latents().requires_grad_()
    found = prior(latents)
    (gradient,) = torch.autograd.grad(found.vectors.sum(), latents, retain_graph=True)
    torch.testing.assert_close(gradient, torch.ones_like(latents), rtol=0, atol=1e-5)
    found.vectors.pow(2).sum().backward(retain_graph=True)
    for layer in (prior.into, prior.back):
        assert layer.weight.grad is not None and layer.weight.grad.abs().sum() > 0
        layer.weight.grad = None
    (pull, into) = torch.autograd.grad(found.loss, [latents, prior.into.weight])
    assert pull.abs().sum() > 0 and into.abs().sum() > 0
    assert "vectors" not in dict(prior.named_parameters()) and "vectors" in prior.state_dict()


def test_nothing_that_happens_in_training_moves_the_centres() -> None:
    rvq = _rvq()
    prior = rvq.layers[0]
    assert isinstance(prior, PriorQuantizer)
    fixed, later = prior.vectors.clone(), rvq.layers[1].vectors.clone()
    rvq.start(_latents())
    optimiser = torch.optim.AdamW(rvq.parameters(), lr=0.1, weight_decay=0.1)
    for step in range(5):
        found = rvq(_latents(step), restart_below=0.9)
        optimiser.zero_grad()
        (found.loss + found.vectors.pow(2).mean()).backward()
        optimiser.step()
    assert torch.equal(prior.vectors, fixed)
    assert not torch.equal(rvq.layers[1].vectors, later)


def test_a_row_of_codebooks_passes_gradients_on_to_its_fixed_first() -> None:
    rvq = _rvq()
    rvq.start(_latents())
    latents = _latents().requires_grad_()
    found = rvq(latents)
    (gradient,) = torch.autograd.grad(found.vectors.sum(), latents, retain_graph=True)
    torch.testing.assert_close(gradient, torch.ones_like(latents), rtol=0, atol=1e-4)
    found.vectors.pow(2).mean().backward()
    for layer in (rvq.layers[0].into, rvq.layers[0].back):
        assert layer.weight.grad is not None and layer.weight.grad.abs().sum() > 0
    rvq.eval()
    found = rvq(latents)
    torch.testing.assert_close(rvq.decode(found.codes), found.vectors, rtol=1e-4, atol=1e-4)
    assert torch.equal(rvq(latents, depth=1).codes, found.codes[:, :1])


def test_maps_learn_to_say_more_of_latents_by_the_same_centres() -> None:
    prior = _prior()
    latents = _latents()
    prior.start(latents)
    optimiser = torch.optim.Adam(prior.parameters(), lr=0.003)
    left: list[float] = []
    for _ in range(200):
        found = prior(latents)
        missed = (found.vectors - latents).pow(2).mean()
        optimiser.zero_grad()
        (missed + found.loss).backward()
        optimiser.step()
        left.append(float(missed.detach()))
    assert left[-1] < 0.9 * left[0]
    assert perplexity(prior.encode(latents).transpose(0, 1).flatten(1), 16)[0] > 8


def test_silence_gives_finite_gradients() -> None:
    prior = _prior()
    prior.start(_latents())
    latents = torch.zeros(1, 6, 5, requires_grad=True)
    found = prior(latents)
    (found.loss + found.vectors.sum()).backward()
    assert latents.grad is not None and latents.grad.isfinite().all()
    prior.start(torch.zeros(1, 6, 5))
    assert all(value.isfinite().all() for value in prior.state_dict().values())


def test_a_prior_of_another_vocab_is_refused() -> None:
    with pytest.raises(ParameterError, match="first codebook of 16 codes, wanted 8"):
        ResidualVectorQuantizer(dim=6, codebooks=3, vocab=8, first=_prior())
    with pytest.raises(ParameterError, match=r"shape \[1, 3\]"):
        PriorQuantizer(torch.zeros(1, 3), dim=6)


def _clustered(count: int = 4000) -> tuple[Tensor, Tensor]:
    wanted = 10 * _points(8, 5, seed=4)
    owner = torch.randint(8, (count,), generator=torch.Generator().manual_seed(5))
    return wanted, wanted[owner] + 0.2 * _points(count, 5, seed=6)


def test_a_stream_of_points_finds_the_clusters_of_all() -> None:
    wanted, points = _clustered()
    stream = MiniBatchKMeans(16, seed=0)
    for part in points.split(37):
        stream.push(part)
    found = stream.centres()
    assert torch.cdist(wanted, found).amin(dim=1).max() < 0.3
    assert stream.seen == 4000 and stream.left(found) < 0.01


def test_what_fits_into_the_sample_is_clustered_as_a_whole() -> None:
    _, points = _clustered(200)
    stream = MiniBatchKMeans(8, seed=3)
    for part in points.split(7):
        stream.push(part)
    assert torch.equal(stream.centres(), kmeans(points, centres=8, generator=torch.Generator().manual_seed(3)))


def test_seed_and_order_decide_everything_and_the_sample_stays_small() -> None:
    def found(seed: int) -> Tensor:
        stream = MiniBatchKMeans(8, seed=seed)
        for part in _points(3000, 5).split(100):
            stream.push(part)
        assert len(stream._sample) == 8 * 32
        return stream.centres()

    assert torch.equal(found(0), found(0)) and not torch.equal(found(0), found(1))


def test_the_sample_is_of_all_points_alike() -> None:
    stream = MiniBatchKMeans(4, seed=0)
    for part in torch.arange(4000.0)[:, None].split(50):
        stream.push(part)
    assert stream._sample.mean() == pytest.approx(2000, rel=0.15)


def test_too_few_points_and_broken_ones_are_refused() -> None:
    stream = MiniBatchKMeans(4)
    stream.push(_points(3, 2))
    with pytest.raises(ParameterError, match="found 3 points, wanted at least 4"):
        stream.centres()
    with pytest.raises(ParameterError, match="NaN"):
        stream.push(torch.full((1, 2), torch.nan))
    with pytest.raises(ParameterError, match="points of 3 numbers, wanted 2"):
        stream.push(_points(1, 3))
    with pytest.raises(ParameterError, match="1 centres"):
        MiniBatchKMeans(1)
