"""What makes sound of log-mel pictures, as abilities: a codec of pictures is heard through any vocoder of the same."""

from typing import Protocol, runtime_checkable

from jaxtyping import Float
from torch import Tensor

from smalti.core import Codec, Tokens
from smalti.features.mel import MelSettings


@runtime_checkable
class VocoderStream(Protocol):
    """Log-mel frames (0…1) in, waveform out, in blocks of any size; all of it together is hop samples a frame."""

    def push(self, frames: Float[Tensor, "band frame"]) -> Float[Tensor, " sample"]: ...
    def flush(self) -> Float[Tensor, " sample"]: ...


@runtime_checkable
class Vocoder(Protocol):
    """Makes waveforms of log-mel pictures of one kind.

    n frames are n·hop samples, from the start of the first frame's hop; beyond its ends a picture is silence.
    """

    @property
    def picture(self) -> MelSettings: ...
    def stream(self) -> VocoderStream: ...


@runtime_checkable
class QuickVocoder(Vocoder, Protocol):
    """A vocoder that can be heard sooner than it sounds best."""

    def quick(self) -> Vocoder:
        """The same vocoder, that waits for less of what comes before it sounds: at more work, and maybe rougher."""
        ...


@runtime_checkable
class PictureCodec(Codec, Protocol):
    """A codec whose decoder makes log-mel pictures, which any vocoder of the same picture can make audible."""

    @property
    def picture(self) -> MelSettings: ...
    def drawn(self, tokens: Tokens) -> list[Float[Tensor, "band _"]]:
        """The log-mel pictures (0…1) that tokens stand for, before anything makes them audible; a frame a hop begun."""
        ...

    def heard_through(self, vocoder: Vocoder) -> Codec:
        """The same codec, equal tokens, with another vocoder.

        Raises:
            SpecError: if the vocoder's pictures are others; names both.
        """
        ...
