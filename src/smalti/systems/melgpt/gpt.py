"""The class-conditional GPT: the shared token transformer over rows of the grid.

Source: the published order is `flat`, column after column, the lowest band first (arXiv:2110.08791, section 3.2).
Differs: rotary positions in place of learnt ones, so that a sound may be of any length; the class modulates every layer
in place of one token in front; a ring cache, so that a code costs one row and not all rows before it.
"""

from functools import partial

from smalti.core import ParameterError, Schema, TokenSpec
from smalti.data.token_clips import TokenClips
from smalti.nn.token_lm import TokenTransformer
from smalti.nn.transformer import TransformerSettings
from smalti.patterns import find_pattern
from smalti.systems.melgpt.config import GPTConfig, MelGPTConfig
from smalti.train import Engine
from smalti.train.token_lm import NextCodeRecipe


def build_gpt(config: GPTConfig, *, spec: TokenSpec, schema: Schema) -> TokenTransformer:
    """A fresh model, a `core.TokenLM`.

    Raises:
        ParameterError: if the sizes do not fit each other, or positions of two parts are asked for where a row is a
            frame.
    """
    stride = find_pattern(config.pattern).stride(spec.codebooks) if config.positions == "factorised" else 1
    if config.positions == "factorised" and stride == 1:
        raise ParameterError(f"a row of {config.pattern} is a frame; set model.positions to rotary, or pattern to flat")
    sizes = TransformerSettings(**config.model_dump(exclude={"kind", "pattern", "positions"}), stride=stride)
    return TokenTransformer(spec=spec, schema=schema, pattern=config.pattern, transformer=sizes)


def gpt_recipe(config: MelGPTConfig, model: GPTConfig, data: TokenClips, engine: Engine) -> NextCodeRecipe:
    """Learn the next code of crops."""
    build = partial(build_gpt, model, spec=data.spec, schema=data.schema)
    return NextCodeRecipe(data, build, shown=config.shown, train=config.train, engine=engine)
