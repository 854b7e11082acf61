"""n-grams as words of a text index: the codes of n neighbouring tokens in hexadecimal, each as wide as the vocabulary.

Tokens 3, 31, 4 of a vocabulary of 128 are the pairs `031f 1f04`. Plain ASCII words, blank-separated, are read alike by
every text engine with a whitespace analyser.
"""

from functools import lru_cache
from operator import add

import numpy as np
from jaxtyping import Integer


def words(codes: Integer[np.ndarray, " token"], *, n: int, vocab: int) -> str:
    """All n-grams of a string, in order; a string of fewer tokens is one shorter word."""
    names = list(map(_names(vocab).__getitem__, codes.tolist()))
    grams = names
    for first in range(1, min(n, len(names))):
        grams = list(map(add, grams, names[first:]))
    return " ".join(grams)


@lru_cache(maxsize=4)
def _names(vocab: int) -> list[str]:
    """Of every code. Remembered: making one costs ten times as much as looking it up."""
    width = len(f"{vocab - 1:x}")
    return [f"{code:0{width}x}" for code in range(vocab)]
