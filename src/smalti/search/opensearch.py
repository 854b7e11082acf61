"""The same search beyond one machine: passages as documents of an OpenSearch-compatible endpoint, ranked by the client.

The endpoint finds candidates (an OR of n-grams, BM25, the best K); the edit distance is computed here, as it is for an
index on disk, and so is the soft score, one way: posteriors of recordings are not sent. Nothing here speaks HTTP: a
transport of one's own does, so that no client library is needed.

Source: OpenSearch documentation, "Match query", "Bulk" and "Whitespace analyzer"; Elasticsearch and Quickwit answer the
same requests.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np

from smalti.core import SpecError, StoreError, Tokens, TokenSpec
from smalti.search.contents import IndexSettings
from smalti.search.entries import Entry
from smalti.search.hits import Hit, hits
from smalti.search.nearest import SearchSettings
from smalti.search.passages import Passages
from smalti.search.posteriors import SoftTokens
from smalti.search.query import SearchIndex, soft_query, string_of
from smalti.search.strings import TokenString
from smalti.search.terms import words

_MOST_WORDS = 1000  # below the clauses that an endpoint allows by default (1024)
_BULK = 500  # passages a request


@runtime_checkable
class Transport(Protocol):
    """Sends one request and gives the answer as JSON; an error of the network is the transport's own."""

    def __call__(self, method: str, path: str, body: str) -> Mapping[str, Any]:
        """`body` is JSON, or lines of it for a path that ends in `_bulk`."""
        ...


@dataclass(frozen=True, slots=True)
class RemoteIndex:
    """An index at an endpoint.

    Attributes:
        transport: reaches the endpoint.
        name: of the index there.
        spec: of its tokens.
        settings: how its recordings were cut.
        minimum: share of the query's words that a candidate must have, in the endpoint's own words.
    """

    transport: Transport
    name: str
    spec: TokenSpec
    settings: IndexSettings
    minimum: str = "20%"


def upload(index: SearchIndex, transport: Transport, name: str) -> RemoteIndex:
    """Make an index at an endpoint of one on disk: its mapping, with the spec, then all passages.

    Raises:
        StoreError: if the endpoint says that a passage was not taken.
    """
    contents = index.contents
    transport("PUT", f"/{name}", json.dumps(mapping(contents.spec, contents.settings)))
    waiting: list[str] = []
    for place, document in documents(index):
        waiting += [json.dumps({"index": {"_index": name, "_id": place}}), json.dumps(document)]
        if len(waiting) >= 2 * _BULK:
            _send(transport, waiting)
            waiting = []
    if waiting:
        _send(transport, waiting)
    return RemoteIndex(transport, name, contents.spec, contents.settings)


def connect(transport: Transport, name: str) -> RemoteIndex:
    """An index that is at an endpoint already; its mapping says for which tokens it is.

    Raises:
        StoreError: if it is not one of smalti's.
    """
    try:
        said = transport("GET", f"/{name}", "")[name]["mappings"]["_meta"]["smalti"]
        return RemoteIndex(transport, name, TokenSpec(**said["spec"]), IndexSettings(**said["settings"]))
    except (KeyError, TypeError):
        raise StoreError(f"{name} was not made by smalti; make it with `smalti.search.opensearch.upload`") from None


def mapping(spec: TokenSpec, settings: IndexSettings) -> dict[str, Any]:
    """The body that makes an index: words are split at blanks and counted, strings only kept."""
    words_field = {"type": "text", "analyzer": "whitespace", "index_options": "freqs"}
    kept = {"type": "object", "enabled": False}
    fields = {"pairs": words_field, **({"triples": words_field} if settings.triples else {}), "passage": kept}
    meta = {"smalti": {"spec": asdict(spec), "settings": asdict(settings)}}
    return {"mappings": {"_meta": meta, "dynamic": False, "properties": fields}}


def documents(index: SearchIndex) -> Iterator[tuple[str, dict[str, Any]]]:
    """Identity and document of every passage."""
    spec, settings = index.contents.spec, index.contents.settings
    for segment in index.segments:
        passages = segment.passages
        seconds, counts = (passages.recordings[name].to_pylist() for name in ("seconds", "windows"))
        for row, owner in enumerate(passages.owner.tolist()):
            string, entry = passages.string(row), passages.entry(owner)
            kept = {
                "path": entry.path,
                "label": entry.label,
                "seconds": seconds[owner],
                "windows": counts[owner],
                "start": string.start,
                "codes": string.codes.tolist(),
                "durations": string.durations.tolist(),
            }
            yield f"{entry.digest or entry.path}@{string.start}", {**_words(string, spec, settings), "passage": kept}


def query_body(string: TokenString, remote: RemoteIndex, candidates: int) -> dict[str, Any]:
    """The request for candidates: documents with enough of the query's words, best first by BM25."""
    asked = _words(string, remote.spec, remote.settings)
    clauses = [
        {
            "match": {
                name: {
                    "query": " ".join(_evenly(text.split())),
                    "operator": "or",
                    "analyzer": "whitespace",
                    **({"minimum_should_match": remote.minimum} if name == "pairs" else {}),
                }
            }
        }
        for name, text in asked.items()
    ]
    query = clauses[0] if len(clauses) == 1 else {"bool": {"must": clauses[:1], "should": clauses[1:]}}
    return {"size": candidates, "query": query, "_source": ["passage"]}


def search_remote(remote: RemoteIndex, query: Tokens | SoftTokens, settings: SearchSettings | None = None) -> list[Hit]:
    """What is most like a query at an endpoint; ranked, placed and drawn as `smalti.search.search` does it.

    Raises:
        SpecError: if the query's tokens are another tokenizer's, or everything is to be compared.
        ParameterError: if the query holds no token.
        StoreError: if the answer cannot be understood.
    """
    settings = settings or SearchSettings()
    if settings.exhaustive:
        raise SpecError("an endpoint compares candidates only; open an index on disk to compare everything")
    tokens = query.tokens if isinstance(query, SoftTokens) else query
    string = string_of(tokens, remote.spec, remote.settings.codebook)
    body = json.dumps(query_body(string, remote, settings.candidates))
    answer = remote.transport("POST", f"/{remote.name}/_search", body)
    try:
        found = [hit["_source"]["passage"] for hit in answer["hits"]["hits"]]
        passages = _passages(found, remote)
    except (KeyError, TypeError, ValueError) as error:
        raise StoreError(f"the answer of {remote.name} is not that of a search ({error}); check the endpoint") from None
    piles = [(passages, np.arange(len(passages)))]
    return hits(piles, string, remote.spec, settings, soft=soft_query(query, string))


def _words(string: TokenString, spec: TokenSpec, settings: IndexSettings) -> dict[str, str]:
    sizes = {"pairs": 2, **({"triples": 3} if settings.triples else {})}
    return {name: words(string.codes, n=n, vocab=spec.vocab) for name, n in sizes.items()}


def _evenly(asked: list[str]) -> list[str]:
    """At most as many words as an endpoint takes, from all over a long query."""
    if len(asked) <= _MOST_WORDS:
        return asked
    return [asked[i] for i in np.linspace(0, len(asked) - 1, _MOST_WORDS).astype(int).tolist()]


def _send(transport: Transport, lines: list[str]) -> None:
    answer = transport("POST", "/_bulk", "\n".join(lines) + "\n")
    if answer.get("errors"):
        wrong = next((one["index"]["error"] for one in answer["items"] if "error" in one["index"]), "unknown")
        raise StoreError(f"a passage was not taken: {wrong}; mend the endpoint and upload again")


def _passages(found: list[Mapping[str, Any]], remote: RemoteIndex) -> Passages:
    """Candidates as passages."""
    heard = [
        (
            Entry(one["path"], one["label"]),
            TokenString(np.array(one["codes"], np.int64), np.array(one["durations"], np.int64), one["start"]),
            float(one["seconds"]),
            int(one["windows"]),
        )
        for one in found
    ]
    return Passages.alone(heard, vocab=remote.spec.vocab)
