"""MATPAC and MATPAC++: an encoder that learns from sound without labels.

Source: arXiv:2502.12031 and arXiv:2508.12709.
"""

from smalti.systems.matpac.config import MatpacConfig, ModelConfig
from smalti.systems.matpac.encoder import MatpacEncoder
from smalti.systems.matpac.loading import load_matpac
from smalti.systems.matpac.net import EncoderNet
from smalti.systems.matpac.recipe import MatpacRecipe

__all__ = ["EncoderNet", "MatpacConfig", "MatpacEncoder", "MatpacRecipe", "ModelConfig", "load_matpac"]
