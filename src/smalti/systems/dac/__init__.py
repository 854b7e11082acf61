"""DAC: a residual codec of waveforms at a high frame rate, whose stacked codes textures are made of."""

from smalti.systems.dac.config import DACConfig, ModelConfig
from smalti.systems.dac.recipe import DACRecipe

__all__ = ["DACConfig", "DACRecipe", "ModelConfig"]
