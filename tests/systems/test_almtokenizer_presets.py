"""Presets fit together, have the sizes that they claim, and know every key of the published implementation."""

import re
from pathlib import Path

import pytest
import torch

from smalti.config import load_settings
from smalti.systems import almtokenizer as room
from smalti.systems.almtokenizer import ALMTokenizerConfig, config
from smalti.systems.almtokenizer.learning import LearningNet

_PRESETS = {path.stem: path for path in (Path(room.__file__).parent / "presets").glob("*.toml")}


def _settings(preset: str) -> ALMTokenizerConfig:
    return load_settings(ALMTokenizerConfig, _PRESETS[preset])


def _millions(preset: str) -> float:
    """Of numbers that are needed to encode and decode."""
    with torch.device("meta"):
        net = LearningNet(_settings(preset)).codec
    learnt = sum(weight.numel() for weight in net.parameters())
    vectors = sum(value.numel() for name, value in net.named_buffers() if name.endswith(".vectors"))
    return (learnt + vectors) / 1e6


@pytest.mark.parametrize("preset", sorted(_PRESETS))
def test_a_preset_can_be_laid_out_and_judges_only_where_somebody_listens(preset: str) -> None:
    settings = _settings(preset)
    lambdas = settings.train.lambdas
    assert (settings.judge.kind == "none") == (lambdas.adversarial == lambdas.features == 0)
    assert _millions(preset) > 1


@pytest.mark.parametrize("pair", [("stage1", "stage2"), ("paper-stage1", "paper")])
def test_the_second_stage_fits_between_the_ends_of_the_first(pair: tuple[str, str]) -> None:
    first, second = (_settings(name) for name in pair)
    assert (first.train.stage, second.train.stage) == ("autoencoder", "codec")
    assert first.model.ends == second.model.ends and first.model.sample_rate == second.model.sample_rate


def test_the_papers_sizes_are_of_its_class() -> None:
    """174 million are published, of which the two ends hold 14.9; what the others are is inferred."""
    assert 160 < _millions("paper") < 180
    assert len(_settings("paper").judge.hop_lengths) == 6 and _settings("paper").train.crop == 5.0


def test_the_references_sizes_are_its_own() -> None:
    settings = _settings("reference")
    model, judge = settings.model, settings.judge
    assert (model.encoder.width, model.encoder.layers, model.encoder.heads, model.encoder.attention) == (
        128,
        12,
        32,
        16,
    )
    assert (model.encoder.hidden, model.decoder.hidden) == (256, 512)
    assert judge.hop_lengths == (64, 128, 256, 512) and judge.every == 3 and settings.train.batch == 64


def test_small_can_be_kept_in_forty_megabytes() -> None:
    net = LearningNet(_settings("small")).codec
    assert sum(value.numel() for value in net.state_dict().values()) * 4 < 40e6


def test_every_published_key_has_a_name_here_that_exists() -> None:
    told = config.__doc__ or ""
    table = dict(re.findall(r"^    ([\w.]+) {2,}(\S+?)[,:;]?(?: .*)?$", told, re.MULTILINE))
    assert len(table) == 42
    for theirs, ours in table.items():
        value: object = ALMTokenizerConfig()
        for name in () if ours.startswith("--") else ours.split("."):
            value = getattr(value, name)
        assert value is not None, theirs
