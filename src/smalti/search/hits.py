"""The places nearest to a query, and what a person is told of them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from smalti.core import TokenSpec
from smalti.search.nearest import Ranked, SearchSettings, by_distance, nearest, reordered, soft_scores
from smalti.search.passages import Passages
from smalti.search.places import Pile
from smalti.search.ranking import SecondScore, aligned, shared_pairs, shared_time
from smalti.search.reordering import SoftQuery
from smalti.search.strings import TokenString


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """Where something like the query is.

    Attributes:
        path, label: of the recording.
        start, end: in seconds of the recording.
        score: 1 (equal strings) down to 0 (nothing in common): one less the edit distance per token.
        soft_score: mean log-probability per frame of the one string given the other sound; of the best both ways, if
            the index keeps posteriors, less how unlike they sound, if it keeps that (`SoftQuery.scores`). If there is
            one, it and not `score` decided the order; hits with one come before those without.
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
    scores: Float[np.ndarray, " first"] | None = None
    asked, seed = settings.soft if soft else 0, settings.seed
    most, count = max(settings.top, asked), sum(len(rows) for _, rows in piles)
    while True:  # overlapping windows give one hit together: then more of them must be ranked
        found = by_distance(piles, query, most, inside=settings.inside)
        found = nearest(found, most, query, asked=asked, second=second, seed=seed)
        scores = soft_scores(found, soft, asked, inside=settings.inside) if scores is None else scores
        given = _apart(reordered(found, scores, query, seed=seed), query, spec, settings)
        if len(given) == settings.top or len(found) == count:
            return given
        most *= 4


def _apart(found: Ranked, query: TokenString, spec: TokenSpec, settings: SearchSettings) -> list[Hit]:
    """The first hits of which no two overlap."""
    taken: dict[str, list[tuple[float, float]]] = {}
    given: list[Hit] = []
    for number in range(len(found)):
        if len(given) == settings.top:
            break
        scores = found.distance.item(number), found.soft.item(number)
        hit = _hit(spec, *found.places[number], query, scores, inside=settings.inside)
        if all(hit.end <= start or end <= hit.start for start, end in taken.setdefault(hit.path, [])):
            taken[hit.path].append((hit.start, hit.end))
            given.append(hit)
    return given


def _hit(
    spec: TokenSpec,
    passages: Passages,
    row: int,
    query: TokenString,
    scores: tuple[float, float],
    *,
    inside: bool,
) -> Hit:
    distance, soft = scores
    found, owner, asked = passages.string(row), passages.owner.item(row), query.text
    text = found.text
    if passages.parted(np.array([row]), len(query), inside=inside).item():
        ours, theirs = aligned(asked, text)
        asked, text, found = asked[ours], text[theirs], found.cut(theirs.start, theirs.stop)
    path, label, seconds = passages.told(owner)
    frame = spec.hop / spec.sample_rate
    return Hit(
        path=path,
        label=label,
        start=found.start * frame,
        end=min((found.start + found.frames) * frame, seconds),
        score=1 - distance,
        soft_score=None if math.isnan(soft) else soft,
        edit_distance=round(distance * max(len(text), len(asked))),
        shared_ngrams=shared_pairs(asked, text),
        tokens=len(text),
        query_tokens=len(asked),
    )
