"""Floor 3, search: an index of any tokenizer's tokens on disk, and sound found in it by sound."""

from smalti.search.building import IndexReport, add_to_index, remove_from_index
from smalti.search.contents import Contents, IndexSettings, is_index, load_contents, verify_index
from smalti.search.entries import Entry
from smalti.search.hits import Hit
from smalti.search.nearest import SearchSettings
from smalti.search.posteriors import SoftTokens
from smalti.search.query import SearchIndex, query_string, rank, search
from smalti.search.ranking import SecondScore, shared_time, string_distances
from smalti.search.soft import Pairs, pair_scores
from smalti.search.strings import TokenString, collapse, joined, windows

__all__ = [
    "Contents",
    "Entry",
    "Hit",
    "IndexReport",
    "IndexSettings",
    "Pairs",
    "SearchIndex",
    "SearchSettings",
    "SecondScore",
    "SoftTokens",
    "TokenString",
    "add_to_index",
    "collapse",
    "is_index",
    "joined",
    "load_contents",
    "pair_scores",
    "query_string",
    "rank",
    "remove_from_index",
    "search",
    "shared_time",
    "string_distances",
    "verify_index",
    "windows",
]
