"""Synthformer: a language model over any codec's stacked tokens, steered by labels and continuous parameters."""

from smalti.systems.synthformer.config import SynthformerConfig
from smalti.systems.synthformer.model import build_synthformer, load_synthformer
from smalti.systems.synthformer.recipe import synthformer_recipe

__all__ = ["SynthformerConfig", "build_synthformer", "load_synthformer", "synthformer_recipe"]
