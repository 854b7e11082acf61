"""The masked model of the grid: hears all columns at once and fills in what is blank, in a few passes.

Source: arXiv:2202.04200. The published system has none; it samples 265 codes one after the other.
"""

from functools import partial

from smalti.core import ParameterError, Schema, TokenSpec
from smalti.data.token_clips import TokenClips
from smalti.nn.masked_lm import MaskedTransformer
from smalti.nn.transformer import TransformerSettings
from smalti.systems.melgpt.config import MaskedConfig, MelGPTConfig
from smalti.train import Engine
from smalti.train.masked_lm import MaskedRecipe


def build_masked(config: MaskedConfig, *, spec: TokenSpec, schema: Schema) -> MaskedTransformer:
    """A fresh model, a `core.MaskedLM`.

    Raises:
        ParameterError: if the sizes do not fit each other.
    """
    sizes = TransformerSettings(**config.model_dump(exclude={"kind"}))
    return MaskedTransformer(spec=spec, schema=schema, transformer=sizes)


def masked_recipe(config: MelGPTConfig, model: MaskedConfig, data: TokenClips, engine: Engine) -> MaskedRecipe:
    """Learn to fill gaps in crops.

    Raises:
        ParameterError: if a crop is longer than the model's window.
    """
    if config.shown.crop > model.window:
        raise ParameterError(
            f"shown.crop is {config.shown.crop}, the model hears {model.window} frames; make it smaller"
        )
    build = partial(build_masked, model, spec=data.spec, schema=data.schema)
    return MaskedRecipe(data, build, shown=config.shown, train=config.train, engine=engine)
