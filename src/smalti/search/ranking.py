"""How near strings are, and in which order that puts them: edit distance first, then a second score, then a fair draw.

Short strings tie often. What comes first in a file must not decide: that would find whatever a folder begins with.
"""

import hashlib
import math
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from heapq import heappush, heappushpop
from itertools import chain, compress, pairwise
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float, Shaped, UInt64

from smalti.config import splitmix64
from smalti.search.engines import rapidfuzz
from smalti.search.places import Pile
from smalti.search.strings import TokenString, TokenStrings

_ROUNDING = 1e-9  # of a bound
_EARLY = 10  # passages of each segment that share most with a query: measured first, they say how near is near


@runtime_checkable
class SecondScore(Protocol):
    """Decides between strings of one edit distance: a model that knows more of the query than its tokens, say."""

    def __call__(self, query: TokenString, found: Sequence[TokenString]) -> Float[np.ndarray, " found"]:
        """Higher is nearer."""
        ...


def shared_time(query: TokenString, found: Sequence[TokenString]) -> Float[np.ndarray, " found"]:
    """Share of the longer one's time that both spend on the same tokens, 0…1; it hears durations, not order."""
    strings, count = TokenStrings.of(found), len(query)
    column = np.full(1 + max(query.codes.max(), strings.codes.max(initial=0)), -1)
    column[query.codes] = np.arange(count)  # of each code, that of its last token
    owner, place = np.repeat(np.arange(len(strings)), np.diff(strings.ends)), column[strings.codes]
    same = np.flatnonzero(place >= 0)
    cells, spent = owner[same] * count + place[same], strings.durations[same]
    theirs = np.bincount(cells, weights=spent, minlength=len(strings) * count).reshape(-1, count)
    ours = np.bincount(column[query.codes], weights=query.durations, minlength=count)
    longer = np.maximum(query.frames, np.bincount(owner, weights=strings.durations, minlength=len(strings)))
    return np.minimum(theirs, ours).sum(axis=1) / longer


def shared_pairs(query: str, found: str) -> int:
    """Pairs of neighbours that both strings have, each as often as both have it."""
    left, shared = _pairs(query).copy(), 0
    for pair in pairwise(found):
        if left.get(pair, 0):
            left[pair] -= 1
            shared += 1
    return shared


@lru_cache(maxsize=64)
def _pairs(query: str) -> dict[tuple[str, str], int]:
    """How often each comes. Remembered, for one query is held against all that is found."""
    return dict(Counter(pairwise(query)))


def distances(query: str, piles: Sequence[Pile], *, inside: bool, most: int) -> Float[np.ndarray, " place"]:
    """How far passages are from the query, 0 (equal) to 1 (nothing in common); infinite, if `most` others are nearer.

    Edits divided by the longer one's tokens. A whole recording is compared as a whole; a window of a longer recording,
    or with `inside` any passage longer than the query, by its stretch that is most like the query. One scale for both,
    for they are ranked together: the looser one would win.
    """
    texts = list(chain.from_iterable(passages.texts(rows) for passages, rows in piles))
    cut = [passages.parted(rows, len(query), inside=inside) for passages, rows in piles]
    parts = np.concatenate([np.zeros(0, bool), *cut])
    found = np.zeros(len(texts))
    if parts.any():
        early = np.concatenate([np.arange(len(rows)) < _EARLY for _, rows in piles])[parts]
        found[parts] = _part_distances(query, _taken(texts, parts), np.flatnonzero(early).tolist(), most)
    if not parts.all():
        found[~parts] = string_distances(query, _taken(texts, ~parts))
    return found


def _part_distances(query: str, texts: Sequence[str], first: Sequence[int], most: int) -> Float[np.ndarray, " text"]:
    """Of each text's stretch that is most like the query; of the nearest `most` and what ties with the last of them.

    The longest common subsequence of two stretches says how few edits they may be apart. That is known of all texts at
    a fifth of the cost of their stretches, or less where some are near; stretches are looked for only in the rest.

    Args:
        first: texts that may well be near.
    """
    found, nearest = [math.inf] * len(texts), list[float]()  # these negated, as a heap

    def measure(number: int) -> None:
        found[number] = distance = _part_distance(query, texts[number])
        (heappushpop if len(nearest) == most else heappush)(nearest, -distance)

    def farthest() -> float:
        return -nearest[0] if len(nearest) == most else math.inf

    for number in first:
        measure(number)
    least = _least_distances(query, texts, farthest())
    order = np.argsort(least, kind="stable")
    for number, bound in zip(order.tolist(), least[order].tolist(), strict=True):
        if bound > farthest():
            break
        if found[number] == math.inf:
            measure(number)
    return np.array(found)


def _least_distances(query: str, texts: Sequence[str], wanted: float) -> Float[np.ndarray, " text"]:
    """What the distances of the most alike stretches are not below; 1 where that is more than wanted."""
    fuzz, cutoff = rapidfuzz(), max(0.0, 100 * (1 - wanted - _ROUNDING))
    ratios = fuzz.process.cdist([query], texts, scorer=fuzz.fuzz.partial_ratio, dtype=np.float64, score_cutoff=cutoff)
    return 1 - ratios[0] / 100 - _ROUNDING


def _taken(texts: list[str], chosen: Bool[np.ndarray, " text"]) -> list[str]:
    return texts if chosen.all() else list(compress(texts, chosen.tolist()))


def _part_distance(query: str, text: str) -> float:
    ours, theirs = aligned(query, text)
    return rapidfuzz().distance.Levenshtein.normalized_distance(query[ours], text[theirs])


def string_distances(query: str, texts: Sequence[str]) -> Float[np.ndarray, " text"]:
    """Edits between whole strings, divided by the tokens of the longer one."""
    fuzz = rapidfuzz()
    edits = fuzz.distance.Levenshtein.normalized_distance
    return fuzz.process.cdist([query], texts, scorer=edits, dtype=np.float64)[0]


def aligned(query: str, text: str) -> tuple[slice, slice]:
    """The parts of a query and a passage that are most alike: all of the shorter, and as much of the longer.

    Source: `rapidfuzz.fuzz.partial_ratio_alignment`.
    """
    best = rapidfuzz().fuzz.partial_ratio_alignment(query, text)
    if best.dest_end == best.dest_start:  # nothing in common
        return slice(0, len(query)), slice(0, len(text))
    return slice(best.src_start, best.src_end), slice(best.dest_start, best.dest_end)


def tied(ordered: Shaped[np.ndarray, " row"]) -> Bool[np.ndarray, " row"]:
    """Which of these numbers equal a neighbour."""
    same, found = ordered[1:] == ordered[:-1], np.zeros(len(ordered), bool)
    found[1:] = same
    found[:-1] |= same
    return found


def draws(seed: int, text: str, marks: UInt64[np.ndarray, " mark"]) -> UInt64[np.ndarray, " mark"]:
    """A number for each mark, which marks, text and seed decide, and not the order they come in."""
    asked = hashlib.blake2b(f"{seed}\0{text}".encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return splitmix64(marks ^ np.frombuffer(asked, "<u8").astype(np.uint64))
