"""Passages in the order of their nearness to a query, and what a person is told of them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int64

from smalti.core import ParameterError, TokenSpec
from smalti.search.engines import rapidfuzz
from smalti.search.passages import Passages
from smalti.search.ranking import SecondScore, aligned, distances, draw, shared_pairs, shared_time, tied
from smalti.search.reordering import Place, SoftQuery, of_places
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
        soft: nearest passages that are put in the order of their soft scores, if the tokenizer has such; 0 for none.
        seed: of the draw between equals.
    """

    top: int = 10
    candidates: int = 1000
    exhaustive: bool = False
    inside: bool = False
    soft: int = 200
    seed: int = 0

    def __post_init__(self) -> None:
        if min(self.top, self.candidates) < 1 or self.soft < 0:
            asked = f"top {self.top}, candidates {self.candidates} and soft {self.soft}"
            raise ParameterError(f"found {asked}; wanted at least 1 of the first two, and 0 of the last")


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """Where something like the query is.

    Attributes:
        path, label: of the recording.
        start, end: in seconds of the recording.
        score: 1 (equal strings) down to 0 (nothing in common): one less the edit distance per token.
        soft_score: mean log-probability per frame of the one string given the other sound, both ways if the index keeps
            posteriors. If there is one, it and not `score` decided the order; hits with one come before those without.
        edit_distance: edits between the strings.
        shared_ngrams: pairs of neighbouring tokens that both have.
        tokens: of the stretch found, and of the query or, if that is longer than a window, of its part: `query_tokens`.
    """

    path: str
    label: str | None
    start: float
    end: float
    score: float
    soft_score: float | None
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
        soft: score of those that it was asked of; NaN of the others, which come behind.
    """

    places: list[Place]
    distance: Float[np.ndarray, " place"]
    second: Float[np.ndarray, " place"]
    soft: Float[np.ndarray, " place"]

    @property
    def groups(self) -> Int64[np.ndarray, " place"]:
        """Numbers that rise by one where what is next is farther: only a draw decided between equal ones."""
        keys = np.nan_to_num(np.stack([self.distance, self.second, self.soft]), nan=np.inf, neginf=-np.inf)
        return np.cumsum(np.concatenate([[0], (keys[:, 1:] != keys[:, :-1]).any(axis=0)]))[: len(self.places)]

    def taken(self, order: Int64[np.ndarray, " chosen"]) -> "Ranked":
        """Some of them, in this order."""
        places = [self.places[i] for i in order.tolist()]
        return Ranked(places, self.distance[order], self.second[order], self.soft[order])


def ranked(
    piles: Sequence[Pile],
    query: TokenString,
    settings: SearchSettings,
    *,
    second: SecondScore = shared_time,
    soft: SoftQuery | None = None,
) -> Ranked:
    """Rows of some passages in the order of their nearness to a query."""
    found = _settled(_by_distance(piles, query, settings), query, settings, second)
    return _reordered(found, _soft_scores(found, settings, soft))


def hits(
    piles: Sequence[Pile],
    query: TokenString,
    spec: TokenSpec,
    settings: SearchSettings,
    *,
    second: SecondScore = shared_time,
    soft: SoftQuery | None = None,
) -> list[Hit]:
    """The nearest places of some passages' rows, no two of them overlapping."""
    everything, scores = _by_distance(piles, query, settings), None
    most = max(settings.top, settings.soft if soft else 0)
    while True:  # overlapping windows give one hit together: then more of them must be ranked
        nearest = _settled(_nearest(everything, most), query, settings, second)
        scores = _soft_scores(nearest, settings, soft) if scores is None else scores
        given = _apart(_reordered(nearest, scores), query, spec, settings)
        if len(given) == settings.top or len(nearest.places) == len(everything.places):
            return given
        most *= 4


def _by_distance(piles: Sequence[Pile], query: TokenString, settings: SearchSettings) -> Ranked:
    places = [(passages, row) for passages, rows in piles for row in rows.tolist()]
    parts = [distances(query.text, passages, rows, inside=settings.inside) for passages, rows in piles]
    distance = np.concatenate([np.zeros(0), *parts])
    unknown = np.full(len(distance), np.nan)
    return Ranked(places, distance, np.zeros(len(distance)), unknown).taken(np.argsort(distance, kind="stable"))


def _nearest(found: Ranked, most: int) -> Ranked:
    """The first of them, and all that tie with the last one."""
    if len(found.places) <= most:
        return found
    end = int(np.searchsorted(found.distance, found.distance[most - 1], side="right"))
    return found.taken(np.arange(end))


def _apart(found: Ranked, query: TokenString, spec: TokenSpec, settings: SearchSettings) -> list[Hit]:
    """The first hits of which no two overlap."""
    taken: dict[str, list[tuple[float, float]]] = {}
    given: list[Hit] = []
    for number, place in enumerate(found.places):
        if len(given) == settings.top:
            break
        scores = float(found.distance[number]), float(found.soft[number])
        hit = _hit(spec, place, query, scores, inside=settings.inside)
        if all(hit.end <= start or end <= hit.start for start, end in taken.setdefault(hit.path, [])):
            taken[hit.path].append((hit.start, hit.end))
            given.append(hit)
    return given


def _settled(found: Ranked, query: TokenString, settings: SearchSettings, second: SecondScore) -> Ranked:
    """The same with ties broken."""
    equal = np.flatnonzero(tied(found.distance))
    if not len(equal):
        return found
    found.second[equal] = second(query, of_places([found.places[i] for i in equal.tolist()], Passages.strings))
    found = found.taken(np.lexsort((-found.second, found.distance)))
    equal = np.flatnonzero(tied(found.distance) & tied(found.second))
    names = of_places([found.places[i] for i in equal.tolist()], Passages.names)
    drawn, text = np.zeros(len(found.places), np.uint64), query.text
    drawn[equal] = [draw(settings.seed, text, *name) for name in names]
    return found.taken(np.lexsort((drawn, -found.second, found.distance)))


def _soft_scores(found: Ranked, settings: SearchSettings, soft: SoftQuery | None) -> Float[np.ndarray, " first"]:
    """Of the first of them."""
    first = found.places[: settings.soft if soft else 0]
    return soft.scores(first, inside=settings.inside) if soft and first else np.zeros(0)


def _reordered(found: Ranked, scores: Float[np.ndarray, " first"]) -> Ranked:
    """The first of them in the order of these scores; equal ones stay as they were."""
    found.soft[: len(scores)] = scores
    return found.taken(np.argsort(-found.soft, kind="stable"))  # NaN, of which none is known, comes last


def _hit(spec: TokenSpec, place: Place, query: TokenString, scores: tuple[float, float], *, inside: bool) -> Hit:
    (passages, row), (distance, soft) = place, scores
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
        soft_score=None if np.isnan(soft) else soft,
        edit_distance=rapidfuzz().distance.Levenshtein.distance(query.text, found.text),
        shared_ngrams=shared_pairs(query, found),
        tokens=len(found),
        query_tokens=len(query),
    )
