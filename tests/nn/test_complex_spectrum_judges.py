"""Judges of complex spectra hear each item alone, phase as well as magnitude, every band by its own layers."""

import pytest
import torch

from smalti.core import ParameterError
from smalti.nn.complex_spectrum_judges import ComplexSpectrumJudges


def _judges(**more: object) -> ComplexSpectrumJudges:
    torch.manual_seed(0)
    return ComplexSpectrumJudges(windows=(128, 64), width=3, **more)


def _sounds(count: int, samples: int) -> torch.Tensor:
    return torch.randn(count, samples, generator=torch.Generator().manual_seed(1))


def test_every_judge_scores_frames_and_gives_five_features_a_band() -> None:
    verdicts = _judges()(_sounds(2, 1001))
    assert [len(verdict.features) for verdict in verdicts] == [25, 25]
    assert [verdict.score.shape[:3] for verdict in verdicts] == [(2, 1, 1 + 1001 // 32), (2, 1, 1 + 1001 // 16)]


def test_a_verdict_does_not_depend_on_the_rest_of_the_batch() -> None:
    judges, sounds = _judges(), _sounds(3, 700)
    for together, alone in zip(judges(sounds), judges(sounds[1:2]), strict=True):
        torch.testing.assert_close(together.score[1:2], alone.score, rtol=0, atol=1e-5)


def test_a_band_hears_nothing_of_the_others() -> None:
    judges, time = _judges(edges=(0.0, 0.5, 1.0)), torch.arange(1024) / 1024
    low = torch.sin(2 * torch.pi * 60 * time)[None]
    both = low + torch.sin(2 * torch.pi * 480 * time)[None]
    heard, more = (judges(sounds)[0].features for sounds in (low, both))
    inner = (..., slice(4, -4), slice(None))
    for layer in range(5):
        torch.testing.assert_close(heard[layer][inner], more[layer][inner], rtol=0, atol=1e-3)
    assert (heard[5][inner] - more[5][inner]).abs().max() > 0.1


def test_phase_alone_changes_a_verdict() -> None:
    judges, sounds = _judges(), _sounds(1, 512)
    for one, other in zip(judges(sounds), judges(-sounds), strict=True):
        assert not torch.allclose(one.score, other.score, atol=1e-4)


def test_gradients_reach_the_sound_and_every_weight() -> None:
    judges, sounds = _judges(), _sounds(2, 600).requires_grad_()
    torch.stack([verdict.score.square().mean() for verdict in judges(sounds)]).sum().backward()
    assert sounds.grad is not None and bool(sounds.grad.abs().amax(dim=1).gt(0).all())
    assert all(weight.grad is not None and bool(weight.grad.any()) for weight in judges.parameters())


@pytest.mark.parametrize("edges", [(0.0, 0.5), (0.1, 1.0), (0.0, 0.6, 0.4, 1.0), (0.0, 0.001, 1.0)])
def test_bands_that_leave_a_gap_or_hold_nothing_are_refused(edges: tuple[float, ...]) -> None:
    with pytest.raises(ParameterError, match="rise from 0 to 1"):
        _judges(edges=edges)
