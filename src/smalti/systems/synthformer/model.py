"""Synthformer's model: the shared token transformer in the sizes of a config."""

from pathlib import Path

from smalti.core import Schema, TokenSpec
from smalti.nn.token_lm import TokenTransformer
from smalti.nn.transformer import TransformerSettings
from smalti.systems.synthformer.config import SynthformerConfig
from smalti.train.token_lm import open_token_model


def build_synthformer(config: SynthformerConfig, *, spec: TokenSpec, schema: Schema) -> TokenTransformer:
    """A fresh model, a `core.TokenLM`.

    Args:
        config: its sizes.
        spec: of the tokens it is to continue.
        schema: what it can be told.
    Raises:
        ParameterError: if the sizes do not fit each other.
    """
    model = config.model
    return TokenTransformer(
        spec=spec,
        schema=schema,
        pattern=model.pattern,
        transformer=TransformerSettings(**model.model_dump(exclude={"pattern", "depth_width"})),
        depth_width=model.depth_width,
    )


def load_synthformer(folder: Path) -> TokenTransformer:
    """Open a run: the averaged weights, ready to be asked.

    Raises:
        StoreError, ConfigError: as `smalti.train.token_lm.open_token_model`.
    """
    return open_token_model(
        folder, SynthformerConfig, lambda config, spec, schema: build_synthformer(config, spec=spec, schema=schema)
    )
