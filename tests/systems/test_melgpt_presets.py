"""Melgpt's settings and models: presets build, and what a run keeps opens as the same model."""

from importlib.resources import files
from pathlib import Path

import pytest
import torch

from smalti.config import load_settings, to_toml
from smalti.core import Condition, ParameterError, Schema, TokenSpec
from smalti.generate import Sampling, generate
from smalti.store import save_weights
from smalti.store.words import to_words
from smalti.systems.melgpt import MelGPTConfig, build_melgpt, load_melgpt

GRID = TokenSpec(sample_rate=22_050, hop=4096, codebooks=5, vocab=128, tokenizer="toy")
CLASSES = Schema(("dog", "drum", "gun"))
PRESETS = sorted(path.name for path in (Path(str(files("smalti.systems.melgpt"))) / "presets").glob("*.toml"))


def _settings(name: str, *overrides: str) -> MelGPTConfig:
    return load_settings(MelGPTConfig, (files("smalti.systems.melgpt") / "presets" / name).read_text(), overrides)


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_builds_a_model_and_survives_being_written(name: str):
    config = _settings(name)
    with torch.device("meta"):
        assert build_melgpt(config, GRID, CLASSES).spec == GRID
    assert load_settings(MelGPTConfig, to_toml(config)) == config


def test_vas_has_the_published_sizes():
    """24 layers, 16 heads, width 1024, a window of all 265 codes: 302.3 million weights in the published blocks."""
    with torch.device("meta"):
        model = build_melgpt(_settings("vas.toml"), GRID, CLASSES)
    sizes = model.transformer.settings
    assert (sizes.layers, sizes.heads, sizes.width, sizes.window, model.pattern) == (24, 16, 1024, 265, "flat")
    blocks = sum(weight.numel() for weight in model.transformer.blocks.parameters())
    assert 0.98 < blocks / 302.3e6 < 1.02


@pytest.mark.parametrize("vocab", [128, 1024])
def test_the_vocabulary_is_the_codecs_whatever_it_is(vocab: int):
    """The published GPT builds its codec with 128 codes whatever was trained, so one of 1,024 cannot be used."""
    spec = TokenSpec(sample_rate=22_050, hop=4096, codebooks=5, vocab=vocab, tokenizer="toy")
    small = _settings("tiny.toml", "model.width=16", "model.layers=1", "model.heads=2")
    model = build_melgpt(small, spec, CLASSES).eval()
    codes = torch.randint(vocab, (2, 5, 4), generator=torch.Generator().manual_seed(0))
    assert model.logits(codes, Condition.empty(2, 1, 0)).shape == (2, 5, 4, vocab)


def test_no_layer_keeps_a_mask_in_its_weights():
    """The published one keeps a 266 x 266 mask in each of 24 layers, and in every checkpoint."""
    model = build_melgpt(_settings("tiny.toml"), GRID, CLASSES)
    assert not any(
        "mask" in name or tuple(weight.shape[-2:]) == (266, 266) for name, weight in model.state_dict().items()
    )


def test_a_run_opens_as_the_model_that_was_saved(tmp_path: Path):
    config = _settings("tiny.toml", "model.width=16", "model.layers=1", "model.heads=2")
    torch.manual_seed(1)
    model = build_melgpt(config, GRID, CLASSES).eval()
    (tmp_path / "config.toml").write_text(to_toml(config))
    save_weights(tmp_path / "weights.safetensors", model.state_dict(), to_words(GRID, CLASSES))
    opened = load_melgpt(tmp_path)
    codes = torch.randint(128, (2, 5, 3), generator=torch.Generator().manual_seed(0))
    assert torch.equal(opened.logits(codes, Condition.empty(2, 1, 0)), model.logits(codes, Condition.empty(2, 1, 0)))


def test_sounds_longer_than_the_window_are_made_and_cached_equals_uncached():
    """The published one asks for sizes it does not have as soon as a sound is longer than its block."""
    for positions in ("rotary", "factorised"):
        small = ["model.width=16", "model.layers=2", "model.heads=2", "model.window=12", f"model.positions={positions}"]
        torch.manual_seed(2)
        model = build_melgpt(_settings("tiny.toml", *small), GRID, CLASSES).eval()
        for weight in model.parameters():
            torch.nn.init.normal_(weight, std=0.2)
        told = Condition(torch.ones(1, 9, dtype=torch.int64), torch.zeros(1, 9, 0))
        codes = generate(model, told, sampling=Sampling(temperature=0), seeds=[0])
        with torch.no_grad():
            likeliest = model.logits(codes, told).argmax(-1)
        assert codes.shape == (1, 5, 9) and torch.equal(codes, likeliest)


def test_positions_of_two_parts_want_rows_that_are_parts_of_a_frame():
    with pytest.raises(ParameterError, match="a row of delay is a frame"):
        build_melgpt(_settings("tiny.toml", "model.pattern=delay", "model.positions=factorised"), GRID, CLASSES)
