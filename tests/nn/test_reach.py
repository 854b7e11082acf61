"""What a stack of transposed convolutions depends on is what the arithmetic says."""

import torch
from torch import nn

from smalti.nn.reach import Reach


def test_only_what_is_within_reach_changes_an_output() -> None:
    torch.manual_seed(0)
    for stride, kernel in ((8, 16), (2, 4), (3, 9)):
        up = nn.ConvTranspose1d(1, 1, kernel, stride=stride, padding=(kernel - stride) // 2)
        layers = nn.Sequential(nn.Conv1d(1, 1, 5, padding=2), up, nn.Conv1d(1, 1, 3, dilation=9, padding=9))
        reach = Reach().behind(kernel=3, dilation=9).behind_up(kernel=kernel, stride=stride).behind(kernel=5).steps
        frames = torch.zeros(1, 1, 41, requires_grad=True)
        own = slice(20 * stride, 21 * stride)
        (gradient,) = torch.autograd.grad(layers(frames)[0, 0, own].abs().sum(), frames)
        reached = gradient[0, 0].nonzero()
        assert max(20 - int(reached.min()), int(reached.max()) - 20) == reach
