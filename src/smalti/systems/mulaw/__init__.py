"""G.711 µ-law: a codec with nothing to train."""

from smalti.systems.mulaw.config import MuLawConfig
from smalti.systems.mulaw.model import MuLaw

__all__ = ["MuLaw", "MuLawConfig"]
