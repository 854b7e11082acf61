"""Floor 4, the systems: published models on shared bricks. `SYSTEMS` lists them, `load` opens what one has learnt."""

from smalti.systems.members import SYSTEMS, System
from smalti.systems.registry import load, load_codec, load_lm, load_vocoder

__all__ = ["SYSTEMS", "System", "load", "load_codec", "load_lm", "load_vocoder"]
