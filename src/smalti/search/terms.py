"""n-grams as words of a text index: the codes of n neighbouring tokens in hexadecimal, each as wide as the vocabulary.

Tokens 3, 31, 4 of a vocabulary of 128 are the pairs `031f 1f04`. Plain ASCII words, blank-separated, are read alike by
every text engine with a whitespace analyser.
"""

import numpy as np
from jaxtyping import Int64

_DIGITS = np.frombuffer(b"0123456789abcdef", dtype=np.uint8)
_BLANK = 32


def words(codes: Int64[np.ndarray, " token"], *, n: int, vocab: int) -> str:
    """All n-grams of a string, in order; a string of fewer tokens is one shorter word."""
    if len(codes) < n:
        n = max(len(codes), 1)
    width = len(f"{vocab - 1:x}")
    shifts = 4 * np.arange(width - 1, -1, -1)
    digits = _DIGITS[(codes[:, None] >> shifts) & 15]
    count = max(len(codes) - n + 1, 0)
    blanks = np.full((count, 1), _BLANK, np.uint8)
    rows = np.concatenate([*(digits[first : first + count] for first in range(n)), blanks], axis=1)
    return rows.tobytes().decode("ascii").rstrip()
