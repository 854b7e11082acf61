"""Passages in the order of their nearness to a query, and what a person is told of them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int64

from smalti.core import ParameterError, TokenSpec
from smalti.search.engines import rapidfuzz
from smalti.search.passages import Passages
from smalti.search.ranking import SecondScore, aligned, distances, draw, shared_pairs, shared_time, tied
from smalti.search.strings import TokenString

Pile = tuple[Passages, Int64[np.ndarray, " _"]]  # segments hold different numbers of passages


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchSettings:
    """How to search.

    Attributes:
        top: hits wanted.
        candidates: passages of each segment whose edit distance is computed.
        exhaustive: compute it of all, which is the truth that the candidates are held against.
        inside: look for the query inside short recordings too, not only inside those of several windows.
        seed: of the draw between equals.
    """

    top: int = 10
    candidates: int = 200
    exhaustive: bool = False
    inside: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        if min(self.top, self.candidates) < 1:
            raise ParameterError(f"top {self.top} and candidates {self.candidates} must be at least 1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """Where something like the query is.

    Attributes:
        path, label: of the recording.
        start, end: in seconds of the recording.
        score: 1 (equal strings) down to 0 (nothing in common): one less the edit distance per token.
        edit_distance: edits between the strings.
        shared_ngrams: pairs of neighbouring tokens that both have.
        tokens: of the stretch found, and of the query or, if that is longer than a window, of its part: `query_tokens`.
    """

    path: str
    label: str | None
    start: float
    end: float
    score: float
    edit_distance: int
    shared_ngrams: int
    tokens: int
    query_tokens: int


@dataclass(frozen=True, slots=True)
class Ranked:
    """Passages in the order of their nearness.

    Attributes:
        places: passages and row of each.
        distance: of each, 0…1.
        second: of those that share their distance with another; 0 of the others.
    """

    places: list[tuple[Passages, int]]
    distance: Float[np.ndarray, " place"]
    second: Float[np.ndarray, " place"]


def ranked(
    piles: Sequence[Pile], query: TokenString, settings: SearchSettings, *, second: SecondScore = shared_time
) -> Ranked:
    """Rows of some passages in the order of their nearness to a query."""
    return _settled(_by_distance(piles, query, settings), query, settings, second)


def hits(
    piles: Sequence[Pile],
    query: TokenString,
    spec: TokenSpec,
    settings: SearchSettings,
    *,
    second: SecondScore = shared_time,
) -> list[Hit]:
    """The nearest places of some passages' rows, no two of them overlapping."""
    everything = _by_distance(piles, query, settings)
    most = settings.top
    while True:  # overlapping windows give one hit together: then more of them must be ranked
        nearest = _settled(_nearest(everything, most), query, settings, second)
        given = _apart(nearest, query, spec, settings)
        if len(given) == settings.top or len(nearest.places) == len(everything.places):
            return given
        most *= 4


def _by_distance(piles: Sequence[Pile], query: TokenString, settings: SearchSettings) -> Ranked:
    places = [(passages, row) for passages, rows in piles for row in rows.tolist()]
    parts = [distances(query.text, passages, rows, inside=settings.inside) for passages, rows in piles]
    distance = np.concatenate([np.zeros(0), *parts])
    order = np.argsort(distance, kind="stable")
    return Ranked([places[i] for i in order.tolist()], distance[order], np.zeros(len(order)))


def _nearest(found: Ranked, most: int) -> Ranked:
    """The first of them, and all that tie with the last one."""
    if len(found.places) <= most:
        return found
    end = int(np.searchsorted(found.distance, found.distance[most - 1], side="right"))
    return Ranked(found.places[:end], found.distance[:end], found.second[:end].copy())


def _apart(found: Ranked, query: TokenString, spec: TokenSpec, settings: SearchSettings) -> list[Hit]:
    """The first hits of which no two overlap."""
    taken: dict[str, list[tuple[float, float]]] = {}
    given: list[Hit] = []
    for (passages, row), distance in zip(found.places, found.distance.tolist(), strict=True):
        if len(given) == settings.top:
            break
        hit = _hit(spec, passages, row, query, distance, inside=settings.inside)
        if all(hit.end <= start or end <= hit.start for start, end in taken.setdefault(hit.path, [])):
            taken[hit.path].append((hit.start, hit.end))
            given.append(hit)
    return given


def _settled(found: Ranked, query: TokenString, settings: SearchSettings, second: SecondScore) -> Ranked:
    """The same with ties broken."""
    equal = np.flatnonzero(tied(found.distance))
    if not len(equal):
        return found
    places = [found.places[i] for i in equal.tolist()]
    found.second[equal] = second(query, [passages.string(row) for passages, row in places])
    drawn, text = np.zeros(len(found.places), np.uint64), query.text
    names = ((passages.path(row), passages.starts[row]) for passages, row in places)
    drawn[equal] = [draw(settings.seed, text, *name) for name in names]
    order = np.lexsort((drawn, -found.second, found.distance))
    return Ranked([found.places[i] for i in order.tolist()], found.distance[order], found.second[order])


def _hit(spec: TokenSpec, passages: Passages, row: int, query: TokenString, distance: float, *, inside: bool) -> Hit:
    found, owner = passages.string(row), int(passages.owner[row])
    if inside or passages.windowed[row]:
        ours, theirs = aligned(query.text, found.text)
        query, found = query.cut(ours.start, ours.stop), found.cut(theirs.start, theirs.stop)
    entry, seconds = passages.entry(owner), passages.recordings["seconds"][owner].as_py()
    frame = spec.hop / spec.sample_rate
    return Hit(
        path=entry.path,
        label=entry.label,
        start=found.start * frame,
        end=min((found.start + found.frames) * frame, seconds),
        score=1 - distance,
        edit_distance=rapidfuzz().distance.Levenshtein.distance(query.text, found.text),
        shared_ngrams=shared_pairs(query, found),
        tokens=len(found),
        query_tokens=len(query),
    )
