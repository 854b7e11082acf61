"""How synthformer learns: as every causal token language model does, from crops of what a codec heard."""

from collections.abc import Sequence
from functools import partial

from smalti.core import Schema
from smalti.data.token_clips import TokenClips
from smalti.store import TokenStore
from smalti.systems.synthformer.config import SynthformerConfig
from smalti.systems.synthformer.model import build_synthformer
from smalti.train import Engine
from smalti.train.token_lm import NextCodeRecipe


def synthformer_recipe(
    config: SynthformerConfig,
    stores: Sequence[TokenStore],
    *,
    schema: Schema | None = None,
    engine: Engine | None = None,
) -> NextCodeRecipe:
    """A recipe for one or more token stores.

    Raises:
        SpecError, ParameterError: if the stores do not fit each other or the schema, or hold no clip.
    """
    data = TokenClips(stores, schema)
    build = partial(build_synthformer, config, spec=data.spec, schema=data.schema)
    return NextCodeRecipe(data, build, shown=config.shown, train=config.train, engine=engine or Engine(config.engine))
