"""Find sound by sound: a query's tokens against all that is indexed.

n-grams in common choose candidates, the edit distance of strings ranks them, ties are broken by a second score.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int64

from smalti.core import ParameterError, StoreError, Tokens
from smalti.search.contents import Contents, load_contents
from smalti.search.engines import rapidfuzz
from smalti.search.passages import Entry, Passages
from smalti.search.ranking import SecondScore, distances, draw, shared_pairs, shared_time, stretch, tied
from smalti.search.segments import OpenSegment
from smalti.search.strings import TokenString, collapse

_OVERLAPS = 4  # passages ranked for every hit asked for, where overlapping windows give one hit together


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
        tokens: of the stretch found; those of the query are as many as `query_tokens`.
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


class SearchIndex:
    """An index opened for searching; what is added to it later is found when it is opened again.

    Attributes:
        folder: where it lies.
        contents: its spec, settings and segments.
    """

    def __init__(self, folder: Path, contents: Contents, segments: Sequence[OpenSegment]) -> None:
        self.folder, self.contents, self.segments = folder, contents, tuple(segments)

    @classmethod
    def open(cls, folder: Path) -> "SearchIndex":
        """Open an index and check every byte of it.

        Raises:
            StoreError: if it is no index, unfinished, or damaged; names the file.
        """
        while True:
            contents = load_contents(folder)
            try:
                vocab, triples = contents.spec.vocab, contents.settings.triples
                found = [OpenSegment(folder, one, vocab=vocab, triples=triples) for one in contents.segments]
                return cls(folder, contents, found)
            except StoreError:
                if load_contents(folder) == contents:  # else another process has replaced it meanwhile
                    raise

    def __len__(self) -> int:
        return sum(len(segment) for segment in self.segments)

    def entries(self) -> Iterator[tuple[Entry, float]]:
        """Every recording and its length in seconds."""
        for segment in self.segments:
            passages = segment.passages
            seconds = passages.recordings["seconds"].to_pylist()
            yield from ((passages.entry(row), seconds[row]) for row in range(len(seconds)))


@dataclass(frozen=True, slots=True)
class Ranked:
    """Passages in the order of their nearness.

    Attributes:
        places: index, segment and row of each.
        distance: of each, 0…1.
        second: of those that share their distance with another; 0 of the others.
    """

    places: list[tuple[SearchIndex, OpenSegment, int]]
    distance: Float[np.ndarray, " place"]
    second: Float[np.ndarray, " place"]


def search(
    indexes: SearchIndex | Sequence[SearchIndex],
    query: Tokens,
    settings: SearchSettings | None = None,
    *,
    excluded: frozenset[str] = frozenset(),
    second: SecondScore = shared_time,
) -> list[Hit]:
    """The recordings, or places in long ones, most like a query; best first, no two of them overlapping.

    Several indexes (shards) are searched as one: their hits are merged by edit distance.

    Args:
        query: one sound's tokens.
        excluded: paths of recordings not to be found.
        second: decides between passages of one edit distance; what it leaves equal is drawn by name and seed.
    Raises:
        SpecError: if the query's tokens are another tokenizer's than an index's.
        ParameterError: if the query is not one sound, or holds no token.
    """
    settings = settings or SearchSettings()
    shards = [indexes] if isinstance(indexes, SearchIndex) else list(indexes)
    string = query_string(shards, query)
    overlaps = (
        _OVERLAPS if any(segment.passages.windowed.any() for shard in shards for segment in shard.segments) else 1
    )
    ranked = rank(shards, string, settings, excluded=excluded, second=second, most=overlaps * settings.top)
    return list(_hits(ranked, string, settings))


def query_string(shards: Sequence[SearchIndex], query: Tokens) -> TokenString:
    """The string of a query, after making sure that it fits.

    Raises:
        SpecError, ParameterError: as `search`.
    """
    if not shards or query.codes.shape[0] != 1:
        raise ParameterError(f"{query.codes.shape[0]} queries for {len(shards)} indexes; give one, and an index")
    for shard in shards:
        shard.contents.spec.require(query.spec, "the query's tokens")
    string = collapse(query, codebook=shards[0].contents.settings.codebook)[0]
    if not len(string):
        raise ParameterError("the query holds no sound; give a recording that is not empty")
    return string


def rank(
    shards: Sequence[SearchIndex],
    query: TokenString,
    settings: SearchSettings,
    *,
    excluded: frozenset[str] = frozenset(),
    second: SecondScore = shared_time,
    most: int | None = None,
) -> Ranked:
    """Passages in the order of their nearness to a query.

    Args:
        most: passages wanted; those that tie with the last one come too. None gives all candidates.
    """
    places: list[tuple[SearchIndex, OpenSegment, int]] = []
    parts: list[Float[np.ndarray, " row"]] = []
    for shard in shards:
        for segment in shard.segments:
            rows = _candidates(segment, query, settings, excluded)
            places += [(shard, segment, row) for row in rows.tolist()]
            parts.append(distances(query.text, segment.passages, rows, inside=settings.inside))
    distance = np.concatenate([np.zeros(0), *parts])
    order = np.argsort(distance, kind="stable")
    if most is not None and len(order) > most:
        order = order[: np.searchsorted(distance[order], distance[order[most - 1]], side="right")]
    return _settled(
        Ranked([places[i] for i in order.tolist()], distance[order], np.zeros(len(order))), query, settings, second
    )


def _settled(ranked: Ranked, query: TokenString, settings: SearchSettings, second: SecondScore) -> Ranked:
    """The same with ties broken."""
    equal = np.flatnonzero(tied(ranked.distance))
    if not len(equal):
        return ranked
    strings = [segment.passages.string(row) for _, segment, row in (ranked.places[i] for i in equal.tolist())]
    ranked.second[equal] = second(query, strings)
    drawn, text = np.zeros(len(ranked.places), np.uint64), query.text
    for i in equal.tolist():
        _, segment, row = ranked.places[i]
        passages = segment.passages
        drawn[i] = draw(settings.seed, text, passages.paths[passages.owner[row]], passages.starts[row])
    order = np.lexsort((drawn, -ranked.second, ranked.distance))
    return Ranked([ranked.places[i] for i in order.tolist()], ranked.distance[order], ranked.second[order])


def _candidates(
    segment: OpenSegment, query: TokenString, settings: SearchSettings, excluded: frozenset[str]
) -> Int64[np.ndarray, " row"]:
    if not excluded:
        return np.arange(len(segment)) if settings.exhaustive else segment.candidates(query, settings.candidates)
    allowed = np.array([path not in excluded for path in segment.passages.paths], bool)[segment.passages.owner]
    most = settings.candidates + int((~allowed).sum())  # as many as if the excluded were not there
    rows = np.arange(len(segment)) if settings.exhaustive else segment.candidates(query, most)
    return rows[allowed[rows]][: None if settings.exhaustive else settings.candidates]


def _hits(ranked: Ranked, query: TokenString, settings: SearchSettings) -> Iterator[Hit]:
    taken: dict[str, list[tuple[float, float]]] = {}
    given = 0
    for (shard, segment, row), distance in zip(ranked.places, ranked.distance.tolist(), strict=True):
        if given == settings.top:
            return
        hit = _hit(shard, segment.passages, row, query, distance, inside=settings.inside)
        if all(hit.end <= start or end <= hit.start for start, end in taken.setdefault(hit.path, [])):
            taken[hit.path].append((hit.start, hit.end))
            given += 1
            yield hit


def _hit(shard: SearchIndex, passages: Passages, row: int, query: TokenString, distance: float, *, inside: bool) -> Hit:
    found, owner = passages.string(row), int(passages.owner[row])
    if inside or passages.windowed[row]:
        found = found.cut(*stretch(query.text, found.text))
    spec, entry = shard.contents.spec, passages.entry(owner)
    seconds = passages.recordings["seconds"][owner].as_py()
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
