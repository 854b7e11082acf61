"""Vocoders: nets that make sound of log-mel pictures, trained here or imported."""

from smalti.systems.vocoder.config import VocoderRunConfig
from smalti.systems.vocoder.loading import load_vocoder
from smalti.systems.vocoder.model import NetVocoder
from smalti.systems.vocoder.recipe import VocoderRecipe

__all__ = ["NetVocoder", "VocoderRecipe", "VocoderRunConfig", "load_vocoder"]
