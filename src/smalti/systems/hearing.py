"""A run, the rate it is asked for and what its codec is heard through: one value that every verb can be told."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pydantic import Field

from smalti.config import Settings, load_settings
from smalti.core import Codec, CodecViews, ParameterError, SpecError, nearest
from smalti.features import MelSettings, PictureCodec, Vocoder, preset_of
from smalti.transcode import MagnitudeBridge

_log = logging.getLogger(__name__)
BRIDGES = ("magnitude",)


class View(Settings):
    """The rate of a codec that has several; what is not said is the codec's own choice."""

    window: int | None = Field(default=None, gt=0, description="frames of a token")
    codebooks: int | None = Field(default=None, gt=0, description="how many of them, the first ones")

    def __str__(self) -> str:
        """As people write it, such as `window=6 codebooks=3`; nothing if nothing is said."""
        return " ".join(f"{name}={value}" for name, value in self.model_dump(exclude_none=True).items())


OWN_RATE = View()


def view_of(settings: Sequence[str]) -> View:
    """A view as people write it, `window=6`, `codebooks=3`.

    Raises:
        ConfigError: for a key that is unknown (names the nearest) or a value that cannot be.
    """
    return load_settings(View, "", settings)


@dataclass(frozen=True, slots=True)
class Heard:
    """Names a run whose codec is asked for a rate, or heard through a vocoder of its own.

    Attributes:
        run: a run folder or shipped name.
        vocoder: a vocoder's run folder; None leaves the codec as it is.
        bridge: how a vocoder of another picture may be used, one of `BRIDGES`; empty refuses it.
        view: the rate.
    """

    run: str | Path
    vocoder: str | Path | None = None
    bridge: str = ""
    view: View = OWN_RATE

    def of(self, run: str | Path) -> "Heard":
        """The same for another run, such as the codec inside a language model's."""
        return replace(self, run=run)


RunName = str | Path | Heard


def heard_as(run: RunName) -> Heard:
    """A run by its name, heard as it is."""
    return run if isinstance(run, Heard) else Heard(run)


def seen(codec: Codec, named: Heard) -> Codec:
    """The view of a codec that is asked for.

    Raises:
        SpecError: if one is and the codec has one rate only.
        ParameterError: if the codec does not have this rate.
    """
    if named.view == OWN_RATE:
        return codec
    if not isinstance(codec, CodecViews):
        raise SpecError(f"{named.run} is a codec of one rate, found {named.view}; leave that out")
    return codec.at(window=named.view.window, codebooks=named.view.codebooks)


def heard_through(codec: Codec, vocoder: Vocoder, named: Heard) -> Codec:
    """The codec with another vocoder behind it.

    Raises:
        SpecError: if it draws no pictures, or others than the vocoder's and no bridge is named; names both.
        ParameterError: if the bridge is unknown.
    """
    if not isinstance(codec, PictureCodec):
        raise SpecError(f"{named.run} draws no mel pictures that a vocoder could make audible; leave --vocoder out")
    return codec.heard_through(bridged(codec.picture, vocoder, named, who="the codec"))


def bridged(picture: MelSettings, vocoder: Vocoder, named: Heard, *, who: str) -> Vocoder:
    """The vocoder, or if its pictures are others and a bridge is named, the bridge to it.

    Raises:
        ParameterError: if the bridge is unknown.
    """
    if named.bridge and named.bridge not in BRIDGES:
        raise ParameterError(f"bridge {named.bridge!r} is unknown; {nearest(named.bridge, BRIDGES)}")
    if vocoder.picture == picture or not named.bridge:
        return vocoder
    _log.warning(
        "%s draws %s and the vocoder hears %s: bridged by linear magnitudes, at some loss",
        who,
        preset_of(picture),
        preset_of(vocoder.picture),
    )
    return MagnitudeBridge(picture, vocoder)
