"""Synthformer's model: the shared token transformer in the sizes of a config; its weights know spec and schema."""

import json
from dataclasses import asdict
from pathlib import Path

from smalti.config import load_settings
from smalti.core import Parameter, Schema, StoreError, TokenSpec
from smalti.nn.token_lm import TokenTransformer
from smalti.nn.transformer import TransformerSettings
from smalti.store import load_weights
from smalti.systems.synthformer.config import SynthformerConfig
from smalti.train import RunFolder


def build_synthformer(config: SynthformerConfig, *, spec: TokenSpec, schema: Schema) -> TokenTransformer:
    """A fresh model, a `core.TokenLM`.

    Args:
        config: its sizes.
        spec: of the tokens it is to continue.
        schema: what it can be told.
    Raises:
        ParameterError: if the sizes do not fit each other.
    """
    sizes = config.model.model_dump(exclude={"pattern"})
    transformer = TransformerSettings(**sizes)
    return TokenTransformer(spec=spec, schema=schema, pattern=config.model.pattern, transformer=transformer)


def load_synthformer(folder: Path) -> TokenTransformer:
    """Open a run: the averaged weights, ready to be asked.

    Raises:
        StoreError: if it is no run, has no weights yet, or they are damaged or of another model.
        ConfigError: if its config cannot be read.
    """
    run = RunFolder.open(folder)
    config = load_settings(SynthformerConfig, run.config_path)
    weights = load_weights(run.weights_path)
    try:
        spec, schema = from_words(weights.metadata)
        model = build_synthformer(config, spec=spec, schema=schema)
        model.load_state_dict(weights.tensors)
    except (KeyError, TypeError, ValueError, RuntimeError):
        raise StoreError(f"{run.weights_path} does not fit {run.config_path.name}; restore both from one run") from None
    return model.eval()


def to_words(spec: TokenSpec, schema: Schema) -> dict[str, str]:
    """Spec and schema as the metadata of a weights file."""
    return {"spec": json.dumps(asdict(spec)), "schema": json.dumps(asdict(schema))}


def from_words(words: dict[str, str]) -> tuple[TokenSpec, Schema]:
    """What `to_words` wrote."""
    schema = json.loads(words["schema"])
    parameters = tuple(Parameter(**parameter) for parameter in schema["parameters"])
    return TokenSpec(**json.loads(words["spec"])), Schema(tuple(schema["labels"]), parameters)
