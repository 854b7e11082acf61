"""How near strings are, and in which order that puts them: edit distance first, then a second score, then a fair draw.

Short strings tie often. What comes first in a file must not decide: that would find whatever a folder begins with.
"""

import hashlib
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float, Int64, Shaped, UInt64

from smalti.config import splitmix64
from smalti.search.engines import rapidfuzz
from smalti.search.passages import Passages
from smalti.search.strings import TokenString, TokenStrings


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


def shared_pairs(query: TokenString, found: TokenString) -> int:
    """Pairs of neighbours that both have, each as often as both have it."""
    ours, theirs = (Counter(pairwise(one.codes.tolist())) for one in (query, found))
    return sum(min(ours[pair], theirs[pair]) for pair in ours.keys() & theirs.keys())  # half the cost of ours & theirs


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
