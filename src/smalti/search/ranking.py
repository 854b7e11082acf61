"""How near strings are, and in which order that puts them: edit distance first, then a second score, then a fair draw.

Short strings tie often. What comes first in a file must not decide: that would find whatever a folder begins with.
"""

import hashlib
from collections import Counter
from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float, Int64

from smalti.search.engines import rapidfuzz
from smalti.search.passages import Passages
from smalti.search.strings import TokenString


@runtime_checkable
class SecondScore(Protocol):
    """Decides between strings of one edit distance: a model that knows more of the query than its tokens, say."""

    def __call__(self, query: TokenString, found: Sequence[TokenString]) -> Float[np.ndarray, " found"]:
        """Higher is nearer."""
        ...


def shared_time(query: TokenString, found: Sequence[TokenString]) -> Float[np.ndarray, " found"]:
    """Share of the longer one's time that both spend on the same tokens, 0…1; it hears durations, not order."""
    known, place = np.unique(query.codes, return_inverse=True)
    ours = np.bincount(place, weights=query.durations)
    codes, durations = (
        np.concatenate([np.zeros(0, np.int64), *part])
        for part in ([one.codes for one in found], [one.durations for one in found])
    )
    owner = np.repeat(np.arange(len(found)), [len(one) for one in found])
    column = np.searchsorted(known, codes).clip(max=len(known) - 1)
    same = known[column] == codes
    cells = owner[same] * len(known) + column[same]
    theirs = np.bincount(cells, weights=durations[same], minlength=len(found) * len(known)).reshape(len(found), -1)
    longer = np.maximum(query.frames, np.bincount(owner, weights=durations, minlength=len(found)))
    return np.minimum(theirs, ours).sum(axis=1) / longer


def shared_pairs(query: TokenString, found: TokenString) -> int:
    """Pairs of neighbours that both have, each as often as both have it."""
    ours, theirs = (
        Counter(zip(one.codes[:-1].tolist(), one.codes[1:].tolist(), strict=True)) for one in (query, found)
    )
    return (ours & theirs).total()


def distances(
    query: str, passages: Passages, rows: Int64[np.ndarray, " row"], *, inside: bool
) -> Float[np.ndarray, " row"]:
    """How far passages are from the query, 0 (equal) to 1 (nothing in common).

    Edits divided by the longer one's tokens. A whole recording is compared as a whole; a window of a longer recording,
    or any passage if `inside`, by its stretch that is most like the query. One scale for both, for they are ranked
    together: the looser one would win.
    """
    found = np.zeros(len(rows), np.float64)
    parts = np.ones(len(rows), bool) if inside else passages.windowed[rows]
    if parts.any():
        edits = rapidfuzz().distance.Levenshtein.normalized_distance
        texts = passages.texts(rows[parts])
        cuts = ((text, *aligned(query, text)) for text in texts)
        found[parts] = [edits(query[ours], text[theirs]) for text, ours, theirs in cuts]
    if not parts.all():
        found[~parts] = string_distances(query, passages.texts(rows[~parts]))
    return found


def string_distances(query: str, texts: Sequence[str]) -> Float[np.ndarray, " text"]:
    """Edits between whole strings, divided by the tokens of the longer one."""
    fuzz = rapidfuzz()
    edits = fuzz.process.cdist([query], texts, scorer=fuzz.distance.Levenshtein.distance, dtype=np.int32)
    return edits[0] / np.maximum([len(text) for text in texts], max(len(query), 1))


def aligned(query: str, text: str) -> tuple[slice, slice]:
    """The parts of a query and a passage that are most alike: all of the shorter, and as much of the longer.

    Source: `rapidfuzz.fuzz.partial_ratio_alignment`.
    """
    best = rapidfuzz().fuzz.partial_ratio_alignment(query, text)
    if best.dest_end == best.dest_start:  # nothing in common
        return slice(0, len(query)), slice(0, len(text))
    return slice(best.src_start, best.src_end), slice(best.dest_start, best.dest_end)


def tied(ordered: Float[np.ndarray, " row"]) -> Bool[np.ndarray, " row"]:
    """Which of these numbers equal a neighbour."""
    same = np.diff(ordered) == 0
    return np.concatenate([same, [False]]) | np.concatenate([[False], same]) if len(ordered) else np.zeros(0, bool)


def draw(seed: int, *names: object) -> int:
    """A number that names decide, and not the order they come in."""
    digest = hashlib.blake2b("\0".join(map(str, (seed, *names))).encode("utf-8", "surrogatepass"), digest_size=8)
    return int.from_bytes(digest.digest(), "big")
