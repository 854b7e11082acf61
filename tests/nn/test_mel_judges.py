"""Mel judges hear each item alone, from every side they are asked for, and silence has a finite slope."""

import pytest
import torch

from smalti.config import Settings, load_settings
from smalti.core import ConfigError, ParameterError
from smalti.nn.mel_judges import MelJudges, MelJudgesConfig

_SMALL = MelJudgesConfig(
    hop_lengths=(32, 100), n_fft=(128, 256), win_lengths=(64, 256), n_mels=9, filters=3, filters_scale=2, max_filters=8
)


def _judges(config: MelJudgesConfig = _SMALL) -> MelJudges:
    torch.manual_seed(0)
    return MelJudges(config, sample_rate=8000)


def test_every_judge_gives_a_verdict_with_a_feature_a_layer_as_wide_as_asked() -> None:
    verdicts = _judges()(torch.randn(2, 1001))
    assert [verdict.score.shape for verdict in verdicts] == [(2, 1, 32, 2), (2, 1, 11, 2)]
    assert [[len(feature[0]) for feature in verdict.features] for verdict in verdicts] == [[3, 6, 8, 8, 8]] * 2


def test_a_verdict_does_not_depend_on_the_rest_of_the_batch() -> None:
    judges, waveforms = _judges(), torch.randn(3, 700, generator=torch.Generator().manual_seed(1))
    for together, alone in zip(judges(waveforms), judges(waveforms[1:2]), strict=True):
        torch.testing.assert_close(together.score[1:2], alone.score, rtol=0, atol=1e-5)


def test_they_are_shown_magnitudes_and_their_logarithms() -> None:
    """A tenth of the sound is a tenth of the first channel and 20 dB, of 50 a unit, less in the second."""
    shown: list[torch.Tensor] = []
    judges = _judges()
    judges.judges[1].layers[0].register_forward_pre_hook(lambda _, given: shown.append(given[0]))
    sound = torch.sin(torch.arange(4000) * (2 * torch.pi * 1000 / 8000))[None]
    for level in (1.0, 0.1):
        judges(level * sound)
    (loud, loud_level), (soft, soft_level) = (picture[0, :, 3:-3] for picture in shown)
    assert 0.1 < loud.max() < 1.1
    torch.testing.assert_close(soft, 0.1 * loud)
    assert (loud_level - soft_level)[loud > 0.05].mean() == pytest.approx(0.4, abs=1e-3)


def test_silence_has_finite_scores_and_slopes() -> None:
    silence = torch.zeros(1, 800, requires_grad=True)
    torch.stack([verdict.score.sum() for verdict in _judges()(silence)]).sum().backward()
    assert silence.grad is not None and silence.grad.isfinite().all()


def test_four_of_the_published_implementations_width_have_its_size() -> None:
    config = MelJudgesConfig(
        hop_lengths=(64, 128, 256, 512), n_fft=(256, 512, 1024, 2048), win_lengths=(256, 512, 1024, 2048)
    )
    with torch.device("meta"):
        judges = MelJudges(config, sample_rate=24000)
    assert sum(value.numel() for value in judges.parameters()) == pytest.approx(377_864, rel=1e-3)


def test_the_published_six_fit_their_bands() -> None:
    assert len(MelJudges(MelJudgesConfig(), sample_rate=24000)(torch.zeros(1, 2400))) == 6


class _Run(Settings):
    judge: MelJudgesConfig


def test_lists_of_unequal_length_are_refused_by_name() -> None:
    with pytest.raises(ConfigError, match="not 2 in hop_lengths, 6 in n_fft, 6 in win_lengths"):
        load_settings(_Run, "[judge]\nhop_lengths = [64, 128]")
    with pytest.raises(ConfigError, match="as win_lengths 512 in n_fft 256 is"):
        load_settings(_Run, "[judge]\nhop_lengths = [64]\nn_fft = [256]\nwin_lengths = [512]")


def test_bands_without_a_bin_are_refused() -> None:
    with pytest.raises(ParameterError, match="64 bands leave one without a bin of 128 samples"):
        MelJudges(MelJudgesConfig(hop_lengths=(32,), n_fft=(128,), win_lengths=(128,)), sample_rate=24000)
