"""The one list of textures; a new one is a file of its own and a line here."""

from collections.abc import Sequence

from smalti.core import ParameterError, Schema, nearest
from smalti.data.textures.applause import APPLAUSE
from smalti.data.textures.bees import BEES
from smalti.data.textures.engine import ENGINE
from smalti.data.textures.fm import FM
from smalti.data.textures.peepers import PEEPERS
from smalti.data.textures.pistons import PISTONS
from smalti.data.textures.rain import RAIN
from smalti.data.textures.texture import Texture
from smalti.data.textures.wind import WIND

TEXTURES: dict[str, Texture] = {t.name: t for t in (PISTONS, WIND, APPLAUSE, BEES, FM, RAIN, ENGINE, PEEPERS)}


def texture(kind: str) -> Texture:
    """A texture by name.

    Raises:
        ParameterError: if there is none; names the nearest.
    """
    if kind not in TEXTURES:
        raise ParameterError(f"texture {kind!r} is unknown; {nearest(kind, TEXTURES)}")
    return TEXTURES[kind]


def schema(kinds: Sequence[str] | None = None) -> Schema:
    """Labels and parameters of some textures (all by default), in the order given."""
    chosen = [texture(kind) for kind in (kinds or TEXTURES)]
    return Schema(tuple(t.name for t in chosen), tuple(p for t in chosen for p in t.parameters))
