"""The arithmetic agrees with the layers, and a window with its context equals the whole."""

import torch
from torch import nn

from smalti.nn.convolution import ReceptiveField, ResidualConvolution, Spread, Upsample, middle


def test_the_receptive_field_is_what_one_output_needs() -> None:
    layers = nn.Sequential(nn.Conv1d(1, 1, 4, stride=2), nn.Conv1d(1, 1, 3, dilation=2), nn.Conv1d(1, 1, 4, stride=2))
    seen = ReceptiveField().then(kernel=4, stride=2).then(kernel=3, dilation=2).then(kernel=4, stride=2)
    assert (seen.frames, seen.stride) == (18, 4)
    assert seen.left + seen.stride + seen.right == seen.frames
    assert layers(torch.zeros(1, 1, seen.frames)).shape[2] == 1
    assert layers(torch.zeros(1, 1, seen.frames + seen.stride - 1)).shape[2] == 1
    assert layers(torch.zeros(1, 1, seen.frames + seen.stride)).shape[2] == 2


def test_only_the_receptive_field_changes_an_output() -> None:
    torch.manual_seed(0)
    layers = nn.Sequential(nn.Conv1d(1, 5, 4, stride=2), ResidualConvolution(5, kernel=3, dilation=2))
    seen = ReceptiveField().then(kernel=4, stride=2).then(kernel=3, dilation=2)
    frames = torch.zeros(1, 1, 40, requires_grad=True)
    (gradient,) = torch.autograd.grad(layers(frames)[0, :, 3].sum(), frames)
    reached = gradient[0, 0].nonzero()
    assert reached.min() == 3 * seen.stride
    assert reached.max() == 3 * seen.stride + seen.frames - 1


def test_the_spread_is_what_the_layers_give() -> None:
    layers = nn.Sequential(
        nn.Conv1d(6, 5, 3), Upsample(5, 4, factor=2), ResidualConvolution(4, kernel=5), Upsample(4, 2, factor=3)
    )
    spread = Spread().then(kernel=3).then(up=2).then(kernel=5).then(up=3)
    for frames in (9, 12):
        assert layers(torch.zeros(1, 6, frames)).shape == (1, 2, frames * spread.factor - spread.lost)
    assert 2 * spread.context * spread.factor >= spread.lost > 2 * (spread.context - 1) * spread.factor


def test_a_window_with_its_context_equals_the_whole() -> None:
    torch.manual_seed(1)
    layers = nn.Sequential(nn.Conv1d(3, 5, 3), Upsample(5, 5, factor=2), ResidualConvolution(5), nn.Conv1d(5, 2, 3))
    spread = Spread().then(kernel=3).then(up=2).then(kernel=3).then(kernel=3)
    latents = torch.randn(1, 3, 31)
    whole = middle(layers(latents), 2 * (31 - 2 * spread.context))
    window = middle(layers(latents[:, :, 8 : 8 + 5 + 2 * spread.context]), 2 * 5)
    assert torch.allclose(window, whole[:, :, 16:26], atol=1e-6)


def test_upsampling_gives_each_frame_its_own_successors() -> None:
    upsample = Upsample(1, 1, factor=2)
    with torch.no_grad():
        upsample.pointwise.weight.copy_(torch.tensor([1.0, 10.0])[:, None, None])
        upsample.pointwise.bias.zero_()
    assert upsample(torch.tensor([[[1.0, 2.0, 3.0]]])).tolist() == [[[1, 10, 2, 20, 3, 30]]]
