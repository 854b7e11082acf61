"""Melgpt: language models over the token grid of a mel codec, told a class of sound."""

from smalti.systems.melgpt.config import MelGPTConfig
from smalti.systems.melgpt.model import build_melgpt, load_melgpt
from smalti.systems.melgpt.recipe import melgpt_recipe

__all__ = ["MelGPTConfig", "build_melgpt", "load_melgpt", "melgpt_recipe"]
