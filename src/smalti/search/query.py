"""Find sound by sound: a query's tokens against all that is indexed.

n-grams in common choose candidates, the edit distance of strings ranks them, ties are broken by a second score. If the
tokenizer says what it believes, the nearest are put in the order of that.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Int64

from smalti.core import ParameterError, StoreError, Tokens, TokenSpec
from smalti.search.contents import Contents, load_contents
from smalti.search.entries import Entry
from smalti.search.hits import Hit, hits
from smalti.search.nearest import Ranked, SearchSettings, ranked
from smalti.search.places import Pile
from smalti.search.posteriors import SoftTokens
from smalti.search.ranking import SecondScore, shared_time
from smalti.search.reordering import SoftQuery
from smalti.search.segments import OpenSegment
from smalti.search.strings import TokenString, collapse


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


def search(
    indexes: SearchIndex | Sequence[SearchIndex],
    query: Tokens | SoftTokens,
    settings: SearchSettings | None = None,
    *,
    excluded: frozenset[str] = frozenset(),
    second: SecondScore = shared_time,
) -> list[Hit]:
    """The recordings, or places in long ones, most like a query; best first, no two of them overlapping.

    Several indexes (shards) are searched as one: their hits are merged by edit distance.

    Args:
        query: one sound's tokens, of a soft tokenizer with what it believes.
        excluded: paths of recordings not to be found.
        second: decides between passages of one edit distance; what it leaves equal is drawn by name and seed.
    Raises:
        SpecError: if the query's tokens are another tokenizer's than an index's.
        ParameterError: if the query is not one sound, or holds no token.
    """
    settings = settings or SearchSettings()
    shards = [indexes] if isinstance(indexes, SearchIndex) else list(indexes)
    string = query_string(shards, query)
    piles, spec = _piles(shards, string, settings, excluded), shards[0].contents.spec
    return hits(piles, string, spec, settings, second=second, soft=soft_query(query, string))


def query_string(shards: Sequence[SearchIndex], query: Tokens | SoftTokens) -> TokenString:
    """The string of a query, after making sure that it fits.

    Raises:
        SpecError, ParameterError: as `search`.
    """
    tokens = query.tokens if isinstance(query, SoftTokens) else query
    if not shards or tokens.codes.shape[0] != 1:
        raise ParameterError(f"{tokens.codes.shape[0]} queries for {len(shards)} indexes; give one, and an index")
    strings = [string_of(tokens, shard.contents.spec, shard.contents.settings.codebook) for shard in shards]
    return strings[0]


def soft_query(query: Tokens | SoftTokens, string: TokenString) -> SoftQuery | None:
    """What was believed of a query with this string, if anything was."""
    return SoftQuery(string, query.log_probabilities, query.acoustics) if isinstance(query, SoftTokens) else None


def string_of(query: Tokens, spec: TokenSpec, codebook: int) -> TokenString:
    """The string of a query among tokens of `spec`.

    Raises:
        SpecError, ParameterError: as `search`.
    """
    spec.require(query.spec, "the query's tokens")
    string = collapse(query, codebook=codebook)[0]
    if not len(string):
        raise ParameterError("the query holds no sound; give a recording that is not empty")
    return string


def rank(
    shards: Sequence[SearchIndex],
    query: Tokens | SoftTokens,
    settings: SearchSettings,
    *,
    excluded: frozenset[str] = frozenset(),
    second: SecondScore = shared_time,
) -> Ranked:
    """All candidates in the order of their nearness to a query; arguments as of `search`."""
    string = query_string(shards, query)
    piles = _piles(shards, string, settings, excluded)
    return ranked(piles, string, settings, second=second, soft=soft_query(query, string))


def _piles(
    shards: Sequence[SearchIndex], query: TokenString, settings: SearchSettings, excluded: frozenset[str]
) -> list[Pile]:
    segments = [segment for shard in shards for segment in shard.segments]
    return [(one.passages, _candidates(one, query, settings, excluded)) for one in segments]


def _candidates(
    segment: OpenSegment, query: TokenString, settings: SearchSettings, excluded: frozenset[str]
) -> Int64[np.ndarray, " row"]:
    if not excluded:
        return np.arange(len(segment)) if settings.exhaustive else segment.candidates(query, settings.candidates)
    paths, owner = segment.passages.paths, segment.passages.owner
    allowed = ~np.fromiter(map(excluded.__contains__, paths), bool, len(paths))[owner]
    most = settings.candidates + len(owner) - int(np.count_nonzero(allowed))  # as many as if the others were not there
    rows = np.arange(len(segment)) if settings.exhaustive else segment.candidates(query, most)
    return rows[allowed[rows]][: None if settings.exhaustive else settings.candidates]
