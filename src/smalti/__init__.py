"""smalti: audio as tokens. Names load on first use, so that importing smalti costs nothing."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from smalti.audio import read, resample, write
    from smalti.core import Audio, Codec, Encoder, StreamingCodec, Tokenizer, TokenLM, Tokens, TokenSpec
    from smalti.systems import load

__version__ = "0.1.0"
__all__ = [
    "Audio",
    "Codec",
    "Encoder",
    "StreamingCodec",
    "TokenLM",
    "TokenSpec",
    "Tokenizer",
    "Tokens",
    "load",
    "read",
    "resample",
    "write",
]

_ROOMS = {"read": "smalti.audio", "resample": "smalti.audio", "write": "smalti.audio", "load": "smalti.systems"}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'smalti' has no attribute {name!r}")
    return getattr(import_module(_ROOMS.get(name, "smalti.core")), name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
