"""Synthformer's presets over DAC's codes: their sizes are as stated, and each of them learns from a step."""

from importlib.resources import files
from pathlib import Path

import pyarrow as pa
import pytest
import torch

from smalti.config import load_settings
from smalti.core import Parameter, Schema, TokenSpec
from smalti.store import TokenStore, write_store
from smalti.systems.synthformer import SynthformerConfig, build_synthformer, synthformer_recipe
from smalti.train import Engine, EngineSettings

DAC = TokenSpec(sample_rate=44_100, hop=512, codebooks=4, vocab=1024, tokenizer="dac")
SEVEN = Schema(tuple("abcdefg"), tuple(Parameter(name="knob", label=label) for label in "abcdefg"))
SIZES = {
    "mini": 637_952,
    "med": 654_592,
    "tiny": 3_140_224,
    "sm": 3_918_400,
    "small": 3_918_400,
    "params": 4_721_216,
    "good_med": 10_935_104,
}
WINDOWS = {"mini": 43, "med": 86, "sm": 86, "params": 86, "good_med": 172}  # published
PRESETS = files("smalti.systems.synthformer") / "presets"


def _config(name: str, *settings: str) -> SynthformerConfig:
    return load_settings(SynthformerConfig, (PRESETS / f"{name}.toml").read_text(), settings)


def test_sizes_are_stated_for_all_presets():
    assert {preset.name for preset in PRESETS.iterdir()} == {f"{name}.toml" for name in SIZES}


@pytest.mark.parametrize("name", SIZES)
def test_a_preset_has_the_stated_size_over_dac_and_seven_textures(name: str):
    with torch.device("meta"):
        model = build_synthformer(_config(name), spec=DAC, schema=SEVEN)
    assert model.parameter_count == SIZES[name]
    assert model.transformer.settings.window == WINDOWS.get(name, model.transformer.settings.window)


def test_a_depth_head_leaves_small_about_as_large_as_it_is():
    with torch.device("meta"):
        model = build_synthformer(_config("small", "model.pattern=depth"), spec=DAC, schema=SEVEN)
    assert model.parameter_count == 3_919_808


@pytest.mark.parametrize("name", ["mini", "med", "sm", "params"])
def test_a_published_preset_learns_from_a_step(name: str, tmp_path: Path):
    table = pa.table({"path": ["a", "b", "c"], "samples": [512 * 13] * 3, "label": ["rain", "wind", "rain"]})
    generator = torch.Generator().manual_seed(2)
    codes = [torch.randint(1024, (4, 13), generator=generator) for _ in range(3)]
    write_store(tmp_path, DAC, table, lambda rows: [codes[row] for row in rows])
    config = _config(name, "shown.batch=2", "shown.crop=9", "train.warmup=0")
    recipe = synthformer_recipe(config, [TokenStore.open(tmp_path)], engine=Engine(EngineSettings(precision="32")))
    losses = [recipe.step(recipe.batch(0), 0)["loss"] for _ in range(2)]
    assert losses[1] < losses[0]
