"""Synthformer's settings and model: presets build, and what a run keeps opens as the same model."""

import dataclasses
from importlib.resources import files
from pathlib import Path

import pytest
import torch

from smalti.config import load_settings, to_toml
from smalti.core import Condition, Parameter, Schema, StoreError, TokenLM, TokenSpec
from smalti.store import load_weights, save_weights
from smalti.store.words import to_words
from smalti.systems.synthformer import SynthformerConfig, build_synthformer, load_synthformer

SPEC = TokenSpec(sample_rate=8000, hop=100, codebooks=3, vocab=11, tokenizer="toy")
SCHEMA = Schema(("rain", "wind"), (Parameter(name="rate", label="rain", unit="Hz", low=1, high=16, scale="log"),))
SMALL = ["model.width=16", "model.layers=1", "model.heads=2", "model.window=5", "model.condition_width=8"]


def _run(folder: Path) -> SynthformerConfig:
    config = load_settings(SynthformerConfig, "", SMALL)
    folder.mkdir()
    (folder / "config.toml").write_text(to_toml(config))
    torch.manual_seed(1)
    model = build_synthformer(config, spec=SPEC, schema=SCHEMA)
    save_weights(folder / "weights.safetensors", model.state_dict(), to_words(SPEC, SCHEMA))
    return config


def _presets() -> list[str]:
    return sorted(
        p.name for p in (files("smalti.systems.synthformer") / "presets").iterdir() if p.name.endswith(".toml")
    )


@pytest.mark.parametrize("name", _presets())
def test_every_preset_builds_a_model_and_survives_being_written(name: str):
    text = (files("smalti.systems.synthformer") / "presets" / name).read_text()
    config = load_settings(SynthformerConfig, text)
    model = build_synthformer(config, spec=SPEC, schema=SCHEMA)
    assert isinstance(model, TokenLM)
    assert load_settings(SynthformerConfig, to_toml(config)) == config
    assert to_toml(config).startswith('system = "synthformer"')


@torch.no_grad()
def test_one_codebook_is_no_reason_to_fail():
    spec = dataclasses.replace(SPEC, codebooks=1)
    config = load_settings(SynthformerConfig, "", ["model.pattern=depth", *SMALL])
    model = build_synthformer(config, spec=spec, schema=SCHEMA).eval()
    codes, nothing = torch.randint(11, (2, 1, 6), generator=torch.Generator().manual_seed(0)), Condition.empty(2, 6, 1)
    rows = torch.nn.functional.pad(codes, (1, 0), value=11)[:, :, :-1]
    assert (model.stepper(2).step(rows, nothing) - model.logits(codes, nothing)).abs().max() < 1e-5


def test_there_is_a_tiny_and_a_small_preset():
    assert {"tiny.toml", "small.toml"} <= set(_presets())


def test_a_run_opens_as_the_model_that_was_saved(tmp_path: Path):
    config = _run(tmp_path / "run")
    torch.manual_seed(1)
    model = build_synthformer(config, spec=SPEC, schema=SCHEMA).eval()
    opened = load_synthformer(tmp_path / "run")
    assert (opened.spec, opened.schema, opened.pattern) == (SPEC, SCHEMA, "delay")
    assert not opened.training
    codes = torch.randint(11, (2, 3, 7), generator=torch.Generator().manual_seed(0))
    asked = Condition.empty(2, 7, 1)
    assert torch.equal(opened.logits(codes, asked), model.logits(codes, asked))


def test_weights_of_another_model_are_refused(tmp_path: Path):
    _run(tmp_path / "run")
    path = tmp_path / "run" / "weights.safetensors"
    weights = load_weights(path)
    for tensors, words in (
        ({k: v for k, v in weights.tensors.items() if "norm" not in k}, weights.metadata),
        (weights.tensors, {}),
        (weights.tensors, {**weights.metadata, "schema": "{}"}),
    ):
        save_weights(path, tensors, words)
        with pytest.raises(StoreError, match="does not fit"):
            load_synthformer(tmp_path / "run")
