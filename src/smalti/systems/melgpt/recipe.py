"""How the model that a melgpt config asks for learns."""

from collections.abc import Sequence
from typing import cast

from smalti.core import Codec, LanguageModel, Schema
from smalti.data.token_clips import TokenClips
from smalti.store import TokenStore
from smalti.systems.melgpt.config import GPTConfig, MelGPTConfig
from smalti.systems.melgpt.gpt import gpt_recipe
from smalti.systems.melgpt.heard import HeardRecipe
from smalti.systems.melgpt.masked import masked_recipe
from smalti.train import Engine, Recipe


def melgpt_recipe(
    config: MelGPTConfig,
    stores: Sequence[TokenStore],
    *,
    schema: Schema | None = None,
    engine: Engine | None = None,
    codec: Codec | None = None,
) -> Recipe:
    """A recipe of the config's kind for one or more token stores.

    Args:
        codec: of the tokens, if the evaluations are to be listened to.
    Raises:
        SpecError, ParameterError: if the stores do not fit each other or the schema, or hold no clip.
    """
    data, engine = TokenClips(stores, schema), engine or Engine(config.engine)
    model = config.model
    if isinstance(model, GPTConfig):
        recipe = gpt_recipe(config, model, data, engine)
    else:
        recipe = masked_recipe(config, model, data, engine)
    if codec is None:
        return recipe
    return HeardRecipe(recipe, data, codec, lambda: cast(LanguageModel, recipe.learner.average.module))
