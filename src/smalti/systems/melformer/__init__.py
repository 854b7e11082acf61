"""Melformer: synthformer's variant of continuous frames, a language model of log-mel pictures heard by a vocoder."""

from smalti.systems.melformer.config import MelformerConfig
from smalti.systems.melformer.model import build_melformer, load_melformer
from smalti.systems.melformer.recipe import MelformerRecipe

__all__ = ["MelformerConfig", "MelformerRecipe", "build_melformer", "load_melformer"]
