"""What training settings stand for: the defaults are the published ones, and every preset can be built."""

from pathlib import Path

import pytest
import torch

import smalti.systems.dac as dac
from smalti.config import load_settings
from smalti.systems.dac import DACConfig
from smalti.systems.dac.judging import SoundJudges
from smalti.systems.dac.learning import LearningNet

PRESETS = sorted((Path(dac.__file__).parent / "presets").glob("*.toml"))


def test_the_defaults_are_the_published_ones() -> None:
    train, judge = DACConfig().train, DACConfig().judge
    assert (train.steps, train.batch, train.crop, train.shallow) == (400_000, 72, 0.38, 0.5)
    assert (train.learning_rate, train.final_rate, train.decay, train.betas) == (1e-4, 1e-4, 0.999996, (0.8, 0.99))
    assert (train.clip, judge.clip, train.quantize_from, train.restart_below, train.matrix_rate) == (1e3, 10.0, 0, 0, 0)
    weights = train.lambdas.model_dump()
    assert {name: weight for name, weight in weights.items() if weight} == {
        "mel": 15.0,
        "commitment": 0.25,
        "codebook": 1.0,
        "adversarial": 1.0,
        "features": 2.0,
    }
    assert (judge.periods, judge.windows, judge.learning_rate) == ((2, 3, 5, 7, 11), (2048, 1024, 512), 1e-4)


def test_the_published_judges_have_their_published_layers() -> None:
    with torch.device("meta"):
        judges = SoundJudges(DACConfig().judge)
    widths = [layer.out_channels for layer in judges.periods.judges[0].layers]
    assert widths == [32, 128, 512, 1024, 1024, 1]
    assert len(judges.spectra.judges) == 3 and len(judges.spectra.judges[0].bands) == 5


@pytest.mark.parametrize("path", PRESETS, ids=lambda path: path.stem)
def test_a_preset_says_every_setting_in_its_place_and_can_be_built(path: Path) -> None:
    config = load_settings(DACConfig, path)
    with torch.device("meta"):
        net = LearningNet(config.model, normed=not config.train.matrix_rate)
    assert net.learnt()
    assert config.train.crop * config.model.sample_rate >= config.model.hop
