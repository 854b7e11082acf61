"""Passages in the order of their nearness to a query: edit distance, soft score, second score, and then a fair draw."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float, Int64, Shaped

from smalti.core import ParameterError
from smalti.search.places import Pile, Places
from smalti.search.ranking import SecondScore, distances, draws, shared_time, tied
from smalti.search.reordering import SoftQuery
from smalti.search.strings import TokenString


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchSettings:
    """How to search.

    Attributes:
        top: hits wanted.
        candidates: passages of each segment whose edit distance is computed.
        exhaustive: compute it of all, which is the truth that the candidates are held against.
        inside: look for the query inside short recordings too, not only inside those of several windows; what is no
            longer than the query cannot hold it, and is compared as a whole all the same.
        soft: nearest passages that are put in the order of their soft scores, if the tokenizer has such; 0 for none.
        seed: of the draw between equals.
    """

    top: int = 10
    candidates: int = 1000
    exhaustive: bool = False
    inside: bool = False
    soft: int = 400
    seed: int = 0

    def __post_init__(self) -> None:
        if min(self.top, self.candidates) < 1 or self.soft < 0:
            asked = f"top {self.top}, candidates {self.candidates} and soft {self.soft}"
            raise ParameterError(f"found {asked}; wanted at least 1 of the first two, and 0 of the last")


@dataclass(frozen=True, slots=True, eq=False)
class Ranked:
    """Passages in the order of their nearness.

    Attributes:
        places: where they are.
        distance: of each, 0…1.
        second: of those that share their distance with another, and are not all asked for a soft score; else 0.
        soft: score of those that it was asked of; NaN of the others, which come behind.
    """

    places: Places
    distance: Float[np.ndarray, " place"]
    second: Float[np.ndarray, " place"]
    soft: Float[np.ndarray, " place"]

    def __len__(self) -> int:
        return len(self.places)

    @property
    def groups(self) -> Int64[np.ndarray, " place"]:
        """Numbers that rise by one where what is next is farther: only a draw decided between equal ones."""
        return _groups(self.distance, self.second, np.where(np.isnan(self.soft), np.inf, self.soft))

    def taken(self, order: Int64[np.ndarray, " chosen"] | slice) -> "Ranked":
        """Some of them, in this order."""
        return Ranked(self.places.taken(order), self.distance[order], self.second[order], self.soft[order])


def ranked(
    piles: Sequence[Pile],
    query: TokenString,
    settings: SearchSettings,
    *,
    second: SecondScore = shared_time,
    soft: SoftQuery | None = None,
) -> Ranked:
    """Rows of some passages in the order of their nearness to a query."""
    found = by_distance(piles, query, sum(len(rows) for _, rows in piles), inside=settings.inside)
    asked = settings.soft if soft else 0
    found = nearest(found, len(found), query, asked=asked, second=second, seed=settings.seed)
    return reordered(found, soft_scores(found, soft, asked, inside=settings.inside), query, seed=settings.seed)


def by_distance(piles: Sequence[Pile], query: TokenString, most: int, *, inside: bool) -> Ranked:
    """The nearest `most` rows of some passages, and some that are farther; ties in the order of the rows."""
    places = Places.of(piles)
    distance = distances(query.text, piles, inside=inside, most=most)
    found = Ranked(places, distance, np.zeros(len(places)), np.full(len(places), np.nan))
    order = np.argsort(distance, kind="stable")
    return found.taken(order[: np.count_nonzero(np.isfinite(distance))])


def nearest(found: Ranked, most: int, query: TokenString, *, asked: int, second: SecondScore, seed: int) -> Ranked:
    """So many of what `by_distance` found, and all that tie with the last; equal ones by a second score, then drawn.

    Args:
        asked: how many will be asked for a soft score, which then tells apart most that are equal here: the second
            score and lots decide only where it cannot.
    """
    found = found.taken(slice(_end_of_tie(found.distance, most)))
    if asked >= len(found):
        return found
    equal = np.flatnonzero(tied(found.distance) & (found.distance >= found.distance[asked]))
    if len(equal):
        scores = found.second.copy()
        scores[equal] = second(query, found.places.taken(equal).strings())
        found = replace(found, second=scores)
        found = found.taken(np.lexsort((-scores, found.distance)))
    groups = _groups(found.distance, found.second)
    end = _end_of_tie(groups, most)
    found, groups = found.taken(slice(end)), groups[:end]
    if asked >= end:
        return found
    return _drawn(found, groups, tied(groups) & (groups >= groups[asked]), query, seed)


def soft_scores(found: Ranked, soft: SoftQuery | None, asked: int, *, inside: bool) -> Float[np.ndarray, " first"]:
    """Of the first of them."""
    first = found.places.taken(slice(asked))
    return soft.scores(first, inside=inside) if soft and len(first) else np.zeros(0)


def reordered(found: Ranked, scores: Float[np.ndarray, " first"], query: TokenString, *, seed: int) -> Ranked:
    """What `nearest` gave, the first of them in the order of these scores, and with lots drawn where they are equal."""
    if not len(scores):
        return found
    order, rest = np.argsort(-scores, kind="stable"), np.arange(len(scores), len(found))
    found = replace(found, soft=np.concatenate([scores, found.soft[len(scores) :]]))
    found = found.taken(np.concatenate([order, rest]))
    equal = tied(scores[order])
    if not equal.any():
        return found
    return _drawn(found, found.groups, np.concatenate([equal, np.zeros(len(rest), bool)]), query, seed)


def _end_of_tie(ordered: Shaped[np.ndarray, " place"], most: int) -> int:
    """Behind so many numbers, and all that equal the last of these."""
    return len(ordered) if len(ordered) <= most else int(np.searchsorted(ordered, ordered[most - 1], side="right"))


def _groups(*keys: Float[np.ndarray, " place"]) -> Int64[np.ndarray, " place"]:
    """Numbers that rise by one where a key is another than before."""
    farther = np.zeros(len(keys[0]), bool)
    for key in keys:
        farther[1:] |= key[1:] != key[:-1]
    return np.cumsum(farther)


def _drawn(
    found: Ranked,
    groups: Int64[np.ndarray, " place"],
    drawn: Bool[np.ndarray, " place"],
    query: TokenString,
    seed: int,
) -> Ranked:
    """The same with lots drawn between some, within their groups."""
    equal = np.flatnonzero(drawn)
    if not len(equal):
        return found
    lots, order = draws(seed, query.text, found.places.taken(equal).marks()), np.arange(len(found))
    order[equal] = equal[np.lexsort((lots, groups[equal]))]
    return found.taken(order)
