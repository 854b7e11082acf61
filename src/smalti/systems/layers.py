"""Which layers of an encoder are meant."""

from collections.abc import Sequence
from typing import Literal

from smalti.core import Encoder, LayeredEncoder, ParameterError

Layers = Literal["last", "all"] | Sequence[int]


def layers_of(text: str) -> Layers:
    """`last`, `all`, or numbers such as `1,6,12`.

    Raises:
        ParameterError: if it is none of these.
    """
    if text == "last" or text == "all":
        return text
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isdecimal() for part in parts):
        raise ParameterError(f"found layers {text!r}, wanted last, all, or numbers such as 1,6,12")
    return [int(part) for part in parts]


def chosen_layers(encoder: Encoder, wanted: Layers) -> tuple[int, ...]:
    """Numbers of the layers, ascending; none for an encoder as it is.

    Raises:
        ParameterError: if it does not have them.
    """
    if wanted == "last":
        return ()
    if not isinstance(encoder, LayeredEncoder):
        raise ParameterError(f"found layers {wanted} of an encoder that has one; leave them out")
    chosen = range(1, encoder.layers + 1) if wanted == "all" else sorted({int(layer) for layer in wanted})
    if not chosen or min(chosen) < 1 or max(chosen) > encoder.layers:
        raise ParameterError(f"found layers {list(chosen)}, wanted some of 1…{encoder.layers}; choose in that range")
    return tuple(chosen)
