"""Procedural textures: eight kinds of sound with exact knobs, and ears of their own to measure every knob again."""

from smalti.data.textures.clips import Clip, estimate, render_clip
from smalti.data.textures.corpus import TexturesReport, textures, write_corpus
from smalti.data.textures.curves import CONTROL_RATE, Curve
from smalti.data.textures.kinds import TEXTURES, schema
from smalti.data.textures.plan import Order
from smalti.data.textures.scores import Score
from smalti.data.textures.texture import Texture

__all__ = [
    "CONTROL_RATE",
    "TEXTURES",
    "Clip",
    "Curve",
    "Order",
    "Score",
    "Texture",
    "TexturesReport",
    "estimate",
    "render_clip",
    "schema",
    "textures",
    "write_corpus",
]
