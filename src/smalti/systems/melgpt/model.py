"""The model that a melgpt config asks for, fresh or from a run."""

from pathlib import Path

from smalti.core import Schema, TokenSpec
from smalti.nn.masked_lm import MaskedTransformer
from smalti.nn.token_lm import TokenTransformer
from smalti.systems.melgpt.config import GPTConfig, MelGPTConfig
from smalti.systems.melgpt.gpt import build_gpt
from smalti.systems.melgpt.masked import build_masked
from smalti.train.token_lm import open_token_model

Model = TokenTransformer | MaskedTransformer


def build_melgpt(config: MelGPTConfig, spec: TokenSpec, schema: Schema) -> Model:
    """A fresh model of the config's kind.

    Raises:
        ParameterError: if the sizes do not fit each other.
    """
    model = config.model
    if isinstance(model, GPTConfig):
        return build_gpt(model, spec=spec, schema=schema)
    return build_masked(model, spec=spec, schema=schema)


def load_melgpt(folder: Path) -> Model:
    """Open a run: the averaged weights, ready to be asked.

    Raises:
        StoreError, ConfigError: as `smalti.train.token_lm.open_token_model`.
    """
    return open_token_model(folder, MelGPTConfig, build_melgpt)
