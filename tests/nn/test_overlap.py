"""Windows: whatever the blocks, the same calls and so the same bits; and sound joins without a seam."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from smalti.nn.overlap import CrossFade, Windows


def _run(function: object, sequence: Tensor, blocks: list[int], **sizes: int) -> Tensor:
    windows = Windows(function, channels=sequence.shape[0], **sizes)
    outputs = [output for block in sequence.split(blocks, dim=1) for output in windows.push(block)]
    return torch.cat([*outputs, *windows.flush()], dim=1)


def test_the_windows_are_those_of_the_worked_example() -> None:
    seen: list[list[float]] = []

    def remember(frames: Tensor) -> Tensor:
        seen.append(frames[0].tolist())
        return frames[:, 1:4]

    found = _run(remember, torch.arange(1.0, 6)[None], [5], window=3, left=1, right=1)
    assert seen == [[0, 1, 2, 3, 4], [3, 4, 5, 0, 0]]
    assert found.tolist() == [[1, 2, 3, 4, 5, 0]]


@settings(max_examples=60, deadline=None)
@given(
    blocks=st.lists(st.integers(1, 17), max_size=9),
    window=st.integers(1, 7),
    left=st.integers(0, 4),
    right=st.integers(0, 4),
)
def test_blocks_of_any_size_give_the_bits_of_the_whole(blocks: list[int], window: int, left: int, right: int) -> None:
    total = sum(blocks)
    sequence = torch.randn(2, total, generator=torch.Generator().manual_seed(total))
    kernel = torch.randn(3, 2, left + 1 + right, generator=torch.Generator().manual_seed(window))

    def convolve(frames: Tensor) -> Tensor:
        assert frames.shape == (2, left + window + right)
        return torch.nn.functional.conv1d(frames[None], kernel)[0]

    sizes = {"window": window, "left": left, "right": right}
    whole = _run(convolve, sequence, [total], **sizes) if total else torch.zeros(3, 0)
    if total:
        assert torch.equal(_run(convolve, sequence, blocks, **sizes), whole)
        wanted = torch.nn.functional.conv1d(torch.nn.functional.pad(sequence, (left, right))[None], kernel)[0]
        assert torch.allclose(whole[:, :total], wanted, atol=1e-5)
    assert whole.shape[1] == -(-total // window) * window


def test_a_flushed_stream_starts_anew() -> None:
    windows = Windows(lambda frames: frames[:, 1:4], channels=1, window=3, left=1, right=1)
    sequence = torch.arange(1.0, 6)[None]
    first, second = (torch.cat([*windows.push(sequence), *windows.flush()], dim=1) for _ in range(2))
    assert torch.equal(first, second)
    assert not list(windows.flush())


@pytest.mark.parametrize("pieces", [1, 2, 5])
def test_uncorrelated_pieces_join_with_even_power(pieces: int) -> None:
    fade = CrossFade(100)
    noise = torch.randn(pieces, 500, 400, generator=torch.Generator().manual_seed(0))
    sounds = []
    for draw in range(500):
        parts = [fade.push(noise[piece, draw]) for piece in range(pieces)]
        sounds.append(torch.cat([*parts, fade.flush()]))
    power = torch.stack(sounds).pow(2).mean(dim=0)
    assert len(power) == 400 * pieces - 100 * (pieces - 1)
    assert 0.7 < power.min() < power.max() < 1.3
    assert power.unfold(0, 50, 50).mean(dim=1).sub(1).abs().max() < 0.1
