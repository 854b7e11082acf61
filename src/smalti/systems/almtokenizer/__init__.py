"""ALMTokenizer: a waveform codec of very low rates, whose tokens are learnable queries."""

from smalti.systems.almtokenizer.codec import ALMTokenizer
from smalti.systems.almtokenizer.config import ALMTokenizerConfig, ModelConfig
from smalti.systems.almtokenizer.loading import load_almtokenizer, load_unlearnt_almtokenizer
from smalti.systems.almtokenizer.net import QueryNet
from smalti.systems.almtokenizer.recipe import ALMTokenizerRecipe

__all__ = [
    "ALMTokenizer",
    "ALMTokenizerConfig",
    "ALMTokenizerRecipe",
    "ModelConfig",
    "QueryNet",
    "load_almtokenizer",
    "load_unlearnt_almtokenizer",
]
