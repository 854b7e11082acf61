"""n-grams as words of a text index: the codes of n neighbouring tokens in hexadecimal, each as wide as the vocabulary.

Tokens 3, 31, 4 of a vocabulary of 128 are the pairs `031f 1f04`. Plain ASCII words, blank-separated, are read alike by
every text engine with a whitespace analyser.
"""

from functools import lru_cache

import numpy as np
from jaxtyping import Int64


def words(codes: Int64[np.ndarray, " token"], *, n: int, vocab: int) -> str:
    """All n-grams of a string, in order; a string of fewer tokens is one shorter word."""
    width = len(f"{vocab - 1:x}")
    names = [_name(code, width) for code in codes.tolist()]
    grams = zip(*(names[first:] for first in range(min(n, max(len(names), 1)))), strict=False)
    return " ".join(map("".join, grams))


@lru_cache(maxsize=1 << 16)
def _name(code: int, width: int) -> str:
    """Remembered: making one costs ten times as much as looking it up."""
    return f"{code:0{width}x}"
