"""A run and what its codec is heard through, so that every verb that decodes can be told so by one value."""

import logging
from dataclasses import dataclass, replace
from pathlib import Path

from smalti.core import Codec, ParameterError, SpecError, nearest
from smalti.features import PictureCodec, Vocoder, preset_of
from smalti.transcode import MagnitudeBridge

_log = logging.getLogger(__name__)
BRIDGES = ("magnitude",)


@dataclass(frozen=True, slots=True)
class Heard:
    """Names a run whose codec is heard through a vocoder of its own.

    Attributes:
        run: a run folder or shipped name.
        vocoder: a vocoder's run folder; None leaves the codec as it is.
        bridge: how a vocoder of another picture may be used, one of `BRIDGES`; empty refuses it.
    """

    run: str | Path
    vocoder: str | Path | None = None
    bridge: str = ""

    def of(self, run: str | Path) -> "Heard":
        """The same for another run, such as the codec inside a language model's."""
        return replace(self, run=run)


RunName = str | Path | Heard


def heard_as(run: RunName) -> Heard:
    """A run by its name, heard as it is."""
    return run if isinstance(run, Heard) else Heard(run)


def heard_through(codec: Codec, vocoder: Vocoder, named: Heard) -> Codec:
    """The codec with another vocoder behind it.

    Raises:
        SpecError: if it draws no pictures, or others than the vocoder's and no bridge is named; names both.
        ParameterError: if the bridge is unknown.
    """
    if named.bridge and named.bridge not in BRIDGES:
        raise ParameterError(f"bridge {named.bridge!r} is unknown; {nearest(named.bridge, BRIDGES)}")
    if not isinstance(codec, PictureCodec):
        raise SpecError(f"{named.run} draws no mel pictures that a vocoder could make audible; leave --vocoder out")
    if vocoder.picture == codec.picture or not named.bridge:
        return codec.heard_through(vocoder)
    _log.warning(
        "the codec draws %s and the vocoder hears %s: bridged by linear magnitudes, at some loss",
        preset_of(codec.picture),
        preset_of(vocoder.picture),
    )
    return codec.heard_through(MagnitudeBridge(codec.picture, vocoder))
