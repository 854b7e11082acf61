"""Judges hear each item alone, from every side they are asked for."""

import torch

from smalti.nn.waveform_judges import WaveformJudges


def _judges() -> WaveformJudges:
    torch.manual_seed(0)
    return WaveformJudges(scales=2, periods=(3, 5), windows=(64,), width=4)


def test_every_kind_of_judge_gives_a_verdict_with_features() -> None:
    verdicts = _judges()(torch.randn(2, 1001))
    assert len(verdicts) == 5
    assert [len(verdict.features) for verdict in verdicts] == [6, 6, 5, 5, 5]
    assert all(len(verdict.score) == 2 for verdict in verdicts)


def test_a_verdict_does_not_depend_on_the_rest_of_the_batch() -> None:
    judges, waveforms = _judges(), torch.randn(3, 700, generator=torch.Generator().manual_seed(1))
    for together, alone in zip(judges(waveforms), judges(waveforms[1:2]), strict=True):
        torch.testing.assert_close(together.score[1:2], alone.score, rtol=0, atol=1e-5)


def test_the_published_scales_have_their_published_size() -> None:
    with torch.device("meta"):
        judges = WaveformJudges(scales=3, periods=(), windows=(), width=16)
    weights = sum(value.numel() for name, value in judges.named_parameters() if "original0" not in name)
    assert 16.8e6 < weights < 17.0e6
