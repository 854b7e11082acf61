"""One codec may have many rates; tokens have one. Here they meet."""

from smalti.core.protocols import Codec, CodecViews
from smalti.core.tokens import TokenSpec


def fitted(codec: Codec, spec: TokenSpec, what: str = "these tokens") -> Codec:
    """The codec that tokens of this spec belong to: the view that made them, or the codec itself if it has one rate.

    Raises:
        SpecError: if they are another codec's; names found and wanted.
    """
    if isinstance(codec, CodecViews):
        return codec.fitting(spec, what)
    codec.spec.require(spec, what)
    return codec
