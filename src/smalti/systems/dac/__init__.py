"""DAC: a residual codec of waveforms at a high frame rate, whose stacked codes textures are made of."""

from smalti.systems.dac.codec import DAC
from smalti.systems.dac.config import DACConfig, ModelConfig
from smalti.systems.dac.loading import load_dac
from smalti.systems.dac.net import DACNet
from smalti.systems.dac.recipe import DACRecipe

__all__ = ["DAC", "DACConfig", "DACNet", "DACRecipe", "ModelConfig", "load_dac"]
