"""The same search at an endpoint: requests in the documented shape, hits like those of an index on disk."""

import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from search_fakes import SPEC, indexed, melodies, tokens

from smalti.core import ParameterError, SpecError, StoreError
from smalti.search import IndexSettings, SearchIndex, SearchSettings, collapse, opensearch, search
from smalti.search.opensearch import connect, query_body, search_remote, upload

RECORDED = json.loads((Path(__file__).parent / "opensearch_answer.json").read_text("utf-8"))
SOUNDS = {f"{'abc'[i % 3]}{i:02d}": sound for i, sound in enumerate(melodies(40))}


class Endpoint:
    """Keeps what it is sent and counts words, as the documentation says an endpoint does; no BM25."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, str]] = []
        self.mapping: Any = None
        self.documents: dict[str, Any] = {}

    def __call__(self, method: str, path: str, body: str) -> Mapping[str, Any]:
        self.sent.append((method, path))
        if method == "PUT":
            self.mapping = json.loads(body)
            return {"acknowledged": True}
        if method == "GET":
            return {path[1:]: self.mapping}
        if path == "/_bulk":
            lines = [json.loads(line) for line in body.splitlines()]
            for action, document in zip(lines[::2], lines[1::2], strict=True):
                self.documents[action["index"]["_id"]] = document
            return {"errors": False, "items": []}
        return self._found(json.loads(body))

    def _found(self, request: Any) -> Mapping[str, Any]:
        match = request["query"]["match"]["pairs"]
        asked = match["query"].split()
        least = int(len(asked) * int(match["minimum_should_match"].rstrip("%")) / 100)
        scores = {name: sum(word in asked for word in one["pairs"].split()) for name, one in self.documents.items()}
        names = sorted((name for name in scores if scores[name] >= max(least, 1)), key=lambda name: -scores[name])
        found = [{"_id": n, "_source": {"passage": self.documents[n]["passage"]}} for n in names[: request["size"]]]
        return {"hits": {"hits": found}}


def test_the_request_is_an_or_of_words_with_a_least_share() -> None:
    (string,) = collapse(tokens([3, 3, 31, 4]))
    remote = opensearch.RemoteIndex(Endpoint(), "sounds", SPEC, IndexSettings())
    assert query_body(string, remote, 50) == {
        "size": 50,
        "query": {
            "match": {
                "pairs": {
                    "query": "031f 1f04",
                    "operator": "or",
                    "analyzer": "whitespace",
                    "minimum_should_match": "20%",
                }
            }
        },
        "_source": ["passage"],
    }
    both = query_body(string, replace(remote, settings=IndexSettings(triples=True)), 50)["query"]["bool"]
    assert [list(one["match"]) for one in (*both["must"], *both["should"])] == [["pairs"], ["triples"]]


def test_the_recorded_answer_becomes_ranked_hits() -> None:
    spec, settings = replace(SPEC, vocab=128), IndexSettings()
    remote = opensearch.RemoteIndex(lambda *request: RECORDED, "sounds", spec, settings)
    hits = search_remote(remote, tokens([3, 3, 31, 4, 9], spec), SearchSettings(top=3))
    assert [(hit.path, hit.label, hit.score) for hit in hits] == [
        ("birds/wren.flac", "wren", 1.0),
        ("long/dawn.flac", None, 1.0),
        ("birds/robin.flac", "robin", 0.75),
    ]
    assert (hits[1].start, hits[1].end) == pytest.approx((100 * 0.02 + 0.06, 100 * 0.02 + 0.06 + 0.18))


def test_an_uploaded_index_answers_like_the_one_on_disk(tmp_path: Path) -> None:
    indexed(tmp_path, {**SOUNDS, "long": np.concatenate(list(SOUNDS.values())[:9])})
    index, endpoint = SearchIndex.open(tmp_path), Endpoint()
    remote = upload(index, endpoint, "sounds")
    assert len(endpoint.documents) == len(index) and endpoint.sent[0] == ("PUT", "/sounds")
    assert endpoint.mapping["mappings"]["properties"]["pairs"]["index_options"] == "freqs"
    again = connect(endpoint, "sounds")
    assert (again.spec, again.settings) == (remote.spec, remote.settings)
    for name in list(SOUNDS)[::7]:
        query = tokens(np.delete(SOUNDS[name], slice(4, 9)))
        found, wanted = search_remote(again, query), search(index, query)
        assert [asdict(hit) for hit in found[:1]] == [asdict(hit) for hit in wanted[:1]]
        assert len(found) < len(wanted) == 10  # what has too few of the query's words is no candidate


def test_what_does_not_fit_is_refused(tmp_path: Path) -> None:
    indexed(tmp_path, SOUNDS)
    endpoint = Endpoint()
    remote = upload(SearchIndex.open(tmp_path), endpoint, "sounds")
    with pytest.raises(SpecError, match="belong to another tokenizer"):
        search_remote(remote, tokens([1, 2], replace(SPEC, tokenizer="other")))
    with pytest.raises(SpecError, match="open an index on disk"):
        search_remote(remote, tokens([1, 2]), SearchSettings(exhaustive=True))
    with pytest.raises(ParameterError, match="holds no sound"):
        search_remote(remote, tokens([]))
    with pytest.raises(StoreError, match="not that of a search"):
        search_remote(replace(remote, transport=lambda *request: {"error": "no such index"}), tokens([1, 2]))
    with pytest.raises(StoreError, match="was not made by smalti"):
        connect(lambda *request: {"other": {"mappings": {}}}, "other")
    refusal = {"errors": True, "items": [{"index": {"error": {"reason": "read-only"}}}]}
    with pytest.raises(StoreError, match="read-only"):
        upload(SearchIndex.open(tmp_path), lambda *request: refusal, "sounds")


def test_a_query_of_more_words_than_an_endpoint_takes_is_thinned_evenly() -> None:
    (string,) = collapse(tokens(np.arange(3000) % 37))
    remote = opensearch.RemoteIndex(Endpoint(), "sounds", SPEC, IndexSettings())
    asked = query_body(string, remote, 10)["query"]["match"]["pairs"]["query"].split()
    assert len(asked) == 1000 and asked[0] == "0001" and asked[-1] == f"{2998 % 37:02x}{2999 % 37:02x}"
