"""Laws of the nets that learn beside the codec: what is hidden from them, whom their errors pull at, what they find."""

import pytest
import torch

from smalti.quantize import ResidualVectorQuantizer
from smalti.systems.almtokenizer.depth import DepthConfig, DepthGPT
from smalti.systems.almtokenizer.mae import MAEConfig, MaskedFrames, hide_frames

_LENGTHS = torch.tensor([40, 23, 1, 2])


def _generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_every_item_hides_its_own_share_of_its_own_frames() -> None:
    lengths = torch.full((300,), 100)
    lengths[::2] = 50
    hidden = hide_frames(lengths, frames=100, rate=(0.2, 0.3), generator=_generator())
    shares = hidden.sum(1) / lengths
    assert not hidden[::2, 50:].any() and shares.min() > 0.19 and shares.max() < 0.31
    assert shares[1::2].unique().numel() == 11 and 0.24 < shares.mean() < 0.26
    assert hidden[:, :50].float().mean(0).min() > 0.15  # no place is spared
    assert not torch.equal(hidden[1], hidden[3])


def test_something_is_always_left_to_guess_from() -> None:
    hidden = hide_frames(_LENGTHS, frames=40, rate=(0.9, 1.0), generator=_generator())
    assert hidden.sum(1).tolist()[2:] == [0, 1] and (hidden.sum(1) < _LENGTHS).all()


def _masked() -> MaskedFrames:
    torch.manual_seed(1)
    return MaskedFrames(MAEConfig(width=16, layers=1, heads=2, encoder_layers=1), dim=5)


def test_only_frames_that_are_seen_feel_the_error() -> None:
    frames = torch.randn(2, 12, 5, generator=_generator(), requires_grad=True)
    inside = torch.arange(12) < torch.tensor([[12], [7]])
    hidden = hide_frames(torch.tensor([12, 7]), frames=12, rate=(0.3, 0.3), generator=_generator(2))
    _masked()(frames, hidden, inside).backward()
    assert frames.grad is not None
    felt = frames.grad.abs().sum(-1) > 0
    assert torch.equal(felt, inside & ~hidden)


def test_padding_and_hidden_frames_tell_nothing() -> None:
    frames, lengths = torch.randn(2, 12, 5, generator=_generator()), torch.tensor([12, 7])
    inside = torch.arange(12) < lengths[:, None]
    hidden = hide_frames(lengths, frames=12, rate=(0.3, 0.3), generator=_generator(2))
    net = _masked()
    other = torch.where(inside[..., None], frames, 9.0)
    torch.testing.assert_close(net(other, hidden, inside), net(frames, hidden, inside))
    alone = net(frames[1:, :7], hidden[1:, :7], inside[1:, :7])
    shares = hidden.sum(1) / hidden.sum()
    both = shares[0] * net(frames[:1], hidden[:1], inside[:1]) + shares[1] * alone
    torch.testing.assert_close(net(frames, hidden, inside), both)
    assert net(frames, torch.zeros_like(hidden), inside).item() == 0


def test_it_learns_what_neighbours_tell() -> None:
    """Slow waves can be filled in from both sides: the error falls far below the frames' own variance."""
    net, inside = _masked(), torch.ones(8, 20, dtype=torch.bool)
    optimiser = torch.optim.Adam(net.parameters(), lr=5e-3)
    errors: list[float] = []
    for step in range(120):
        phase = 6.28 * torch.rand(8, 1, 1, generator=_generator(step)) + torch.arange(5.0)
        frames = torch.sin(0.4 * torch.arange(20.0)[None, :, None] + phase)
        hidden = hide_frames(torch.full((8,), 20), frames=20, rate=(0.2, 0.3), generator=_generator(step))
        loss = net(frames, hidden, inside)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        errors.append(float(loss.detach()))
    assert errors[0] > 0.5 and sum(errors[-10:]) / 10 < 0.25  # their variance is 0.5


def _depth(codebooks: int = 3) -> DepthGPT:
    torch.manual_seed(1)
    return DepthGPT(DepthConfig(width=16, layers=1, heads=2, dropout=0.0), dim=6, codebooks=codebooks)


def test_what_is_to_be_guessed_feels_no_error_and_what_is_told_does() -> None:
    parts = torch.randn(3, 2, 6, 4, generator=_generator(), requires_grad=True)
    _depth()(parts).backward()
    assert parts.grad is not None
    assert (parts.grad.abs().sum((1, 2, 3)) > 0).tolist() == [True, True, False]


def test_a_guess_knows_earlier_codebooks_of_its_own_query_only() -> None:
    net, parts = _depth(), torch.randn(3, 2, 6, 4, generator=_generator())
    told: list[torch.Tensor] = []
    net.project_out.register_forward_hook(lambda _, __, guess: told.append(guess.unflatten(0, (2, 4))))
    other = parts.clone()
    other[1, 0, :, 2] += 1
    net(parts), net(other)
    moved = (told[0] - told[1]).abs().sum(-1) > 0
    assert moved.nonzero().tolist() == [[0, 2, 1]]  # the guess of the third codebook, of that query


@pytest.mark.parametrize("level", [1.0, 1e-3])
def test_vectors_count_by_their_direction(level: float) -> None:
    parts = torch.randn(3, 2, 6, 4, generator=_generator())
    torch.testing.assert_close(_depth()(level * parts), _depth()(parts))
    assert torch.isfinite(_depth()(0 * parts)) and float(_depth(1)(parts[:1])) == 0


def test_parts_of_a_residual_quantiser_sum_to_its_vectors_and_pull_at_the_latents() -> None:
    torch.manual_seed(0)
    quantizer = ResidualVectorQuantizer(dim=6, codebooks=3, vocab=11).eval()
    latents = torch.randn(2, 6, 4, requires_grad=True)
    found = quantizer(latents)
    assert found.parts is not None
    torch.testing.assert_close(found.parts.sum(0), found.vectors)
    for position, layer in enumerate(quantizer.layers):
        torch.testing.assert_close(found.parts[position], layer.decode(found.codes[:, position : position + 1]))
    (slope,) = torch.autograd.grad(found.parts[1].sum(), latents)
    assert torch.equal(slope, torch.ones_like(latents))
    assert quantizer(latents, depth=2).parts.shape[0] == 2
