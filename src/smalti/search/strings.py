"""Token strings: what two sounds are compared by. Runs of equal tokens are one token that lasts longer.

    codes of the frames    7 7 7 2 2 9 9 9 9        a string of 3 tokens: 7 2 9
                                                    durations in frames:  3 2 4

A slower take of a word has other durations, but nearly the same string.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import overload

import numpy as np
from jaxtyping import Int64, Shaped

from smalti.core import ParameterError, Tokens

MOST_VOCAB = 0x110000  # characters that a Python string can hold


@dataclass(frozen=True, slots=True)
class TokenString:
    """A sound, or a stretch of one, as tokens that each last some frames.

    Attributes:
        codes: no two neighbours are equal.
        durations: frames that each token lasts, at least one.
        start: frame of the recording at which the first token begins.
    """

    codes: Int64[np.ndarray, " token"]
    durations: Int64[np.ndarray, " token"]
    start: int = 0

    def __len__(self) -> int:
        return len(self.codes)

    @property
    def text(self) -> str:
        """One character a token."""
        return as_text(self.codes)

    def cut(self, first: int, end: int) -> "TokenString":
        """The tokens first…end-1, at their own time."""
        start = self.start + int(self.durations[:first].sum())
        return TokenString(self.codes[first:end], self.durations[first:end], start)

    @property
    def frames(self) -> int:
        """How long it lasts, in frames."""
        return int(self.durations.sum())


@dataclass(frozen=True, slots=True, eq=False)
class TokenStrings(Sequence[TokenString]):
    """Many strings end to end, so that numbers of all can be computed at once.

    Attributes:
        codes, durations: of all tokens.
        ends: of each string among the tokens, behind a first 0.
        starts: frame of its recording at which each begins.
    """

    codes: Int64[np.ndarray, " token"]
    durations: Int64[np.ndarray, " token"]
    ends: Int64[np.ndarray, " end"]
    starts: Int64[np.ndarray, " string"]

    @classmethod
    def of(cls, strings: Sequence[TokenString]) -> "TokenStrings":
        """The same strings end to end."""
        if isinstance(strings, TokenStrings):
            return strings
        none, starts = np.zeros(0, np.int64), np.array([one.start for one in strings], np.int64)
        codes, durations = (
            np.concatenate([none, *part])
            for part in ([one.codes for one in strings], [one.durations for one in strings])
        )
        return cls(codes, durations, np.cumsum([0, *map(len, strings)]), starts)

    @classmethod
    def joined(cls, parts: Sequence["TokenStrings"]) -> "TokenStrings":
        """All strings of all parts."""
        none = np.zeros(0, np.int64)
        codes, durations, counts, starts = (
            np.concatenate([none, *part])
            for part in zip(*((one.codes, one.durations, np.diff(one.ends), one.starts) for one in parts), strict=True)
        )
        return cls(codes, durations, np.cumsum([0, *counts]), starts)

    def __len__(self) -> int:
        return len(self.starts)

    @overload
    def __getitem__(self, index: int) -> TokenString: ...

    @overload
    def __getitem__(self, index: slice) -> "TokenStrings": ...

    def __getitem__(self, index: int | slice) -> "TokenString | TokenStrings":
        if isinstance(index, slice):
            return self.taken(np.arange(len(self))[index])
        number = range(len(self))[index]
        piece = slice(int(self.ends[number]), int(self.ends[number + 1]))
        return TokenString(self.codes[piece], self.durations[piece], int(self.starts[number]))

    def taken(self, order: Int64[np.ndarray, " chosen"]) -> "TokenStrings":
        """Some of them, in this order."""
        counts = np.diff(self.ends)[order]
        at = spans(self.ends[order], counts)
        return TokenStrings(self.codes[at], self.durations[at], np.cumsum([0, *counts]), self.starts[order])


def spans(begins: Int64[np.ndarray, " span"], counts: Int64[np.ndarray, " span"]) -> Int64[np.ndarray, " place"]:
    """begin, begin + 1, … begin + count - 1 of every span, one after another."""
    ends = np.cumsum(counts)
    return np.repeat(begins - ends + counts, counts) + np.arange(int(counts.sum()))


def collapse(tokens: Tokens, *, codebook: int = 0) -> list[TokenString]:
    """The string of every item of a batch, from one of its code streams.

    Args:
        codebook: which stream, 0…Q-1. The first is the coarsest of a residual codec, and the only one of most
            tokenizers that are made for search.
    Raises:
        ParameterError: if there is no such stream, or the vocabulary is larger than characters are.
    """
    require_codebook(tokens.spec.codebooks, tokens.spec.vocab, codebook)
    rows, lengths = tokens.codes.cpu().numpy()[:, codebook], tokens.lengths.tolist()
    return [joined(row[: tokens.spec.frames(samples)]) for row, samples in zip(rows, lengths, strict=True)]


def require_codebook(codebooks: int, vocab: int, codebook: int) -> None:
    """Refuse a code stream that is not there.

    Raises:
        ParameterError: as `collapse`.
    """
    if not 0 <= codebook < codebooks:
        raise ParameterError(f"codebook {codebook} is outside 0…{codebooks - 1} of these tokens; choose one of them")
    if vocab > MOST_VOCAB:
        raise ParameterError(f"the vocabulary is {vocab}, search takes at most {MOST_VOCAB}; choose another tokenizer")


def windows(string: TokenString, *, size: int, hop: int) -> list[TokenString]:
    """Overlapping windows of a long string; a short one is its own only window.

    Every stretch of at most size - hop + 1 tokens lies whole in one of them.

    Args:
        size: tokens of a window; the last one ends with the string, for a short one would be like everything.
        hop: tokens from the beginning of one to the next, at most.
    """
    if len(string) <= size:
        return [string]
    last = len(string) - size
    firsts = [*range(0, last, hop), last]
    begins = string.start + np.cumsum(np.concatenate([[0], string.durations]))
    pieces = ((slice(first, first + size), int(begins[first])) for first in firsts)
    return [TokenString(string.codes[piece], string.durations[piece], begin) for piece, begin in pieces]


def joined(codes: Int64[np.ndarray, " frame"]) -> TokenString:
    """Codes of frames as a string: runs of equal ones become one token."""
    edges = np.ones(len(codes) + 1, bool)  # before each frame, and behind the last
    np.not_equal(codes[1:], codes[:-1], out=edges[1:-1])
    places = edges.nonzero()[0]
    starts = places[:-1]
    return TokenString(codes[starts], places[1:] - starts)


def as_text(codes: Shaped[np.ndarray, " token"]) -> str:
    """Codes as characters, so that libraries for text can compare them."""
    return codes.astype("<u4").tobytes().decode("utf-32-le", "surrogatepass")
