"""A segment: some recordings' passages and the text index of their n-grams, made whole and never changed."""

import hashlib
from collections.abc import Iterator
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int64

from smalti.core import StoreError, TokenSpec
from smalti.search.contents import SEGMENTS, IndexSettings, Segment, damage_of, files_of
from smalti.search.engines import tantivy
from smalti.search.passage_files import passage_files, read_passages
from smalti.search.passages import Passages
from smalti.search.strings import TokenString
from smalti.search.terms import words
from smalti.store import replace_folder, sha256

MOST_PASSAGES = 1 << 17  # of a segment: more would make a small change of a large index slow
_TERMS = "terms"
_PAIRS, _TRIPLES, _ID = "pairs", "triples", "id"
_HEAP = 128_000_000  # bytes that the text index may fill before it writes


def write_segment(folder: Path, passages: Passages, *, spec: TokenSpec, settings: IndexSettings) -> Segment:
    """Write a segment of an index.

    Raises:
        StoreError: if there is no space left.
    """
    name = segment_name(passages)
    place = folder / SEGMENTS / name
    with replace_folder(place) as temp:
        for file, data in passage_files(passages).items():
            (temp / file).write_bytes(data)
        _write_terms(temp / _TERMS, passages, vocab=spec.vocab, triples=settings.triples)
    digests = {file: sha256(place / file) for file in files_of(place)}
    return Segment(name, passages.recordings.num_rows, len(passages), digests)


def segment_name(passages: Passages) -> str:
    """Equal recordings in equal order have the same name."""
    digest = hashlib.sha256()
    for data in passage_files(passages).values():
        digest.update(data)
    return digest.hexdigest()[:16]


class OpenSegment:
    """A segment that has been found whole.

    Attributes:
        passages: what it holds.
    """

    def __init__(self, folder: Path, segment: Segment, *, vocab: int, triples: bool) -> None:
        problems = damage_of(folder, segment)
        if problems:
            raise StoreError(f"{problems[0]}; repair the index by running the same index command again")
        self._place = folder / SEGMENTS / segment.name
        self._vocab, self._triples = vocab, triples
        self.passages = read_passages(self._place)

    def __len__(self) -> int:
        return len(self.passages)

    def candidates(self, query: TokenString, most: int) -> Int64[np.ndarray, " candidate"]:
        """Passages that share n-grams with the query, best first by BM25; all, if there are no more than asked."""
        if len(self) <= most:
            return np.arange(len(self))
        asked = tantivy().Query.boolean_query(list(self._clauses(query)))
        searcher, _ = self._terms
        found = searcher.search(asked, limit=most, count=False).hits
        return np.array(searcher.fast_field_values(_ID, [address for _, address in found]), np.int64)

    def _clauses(self, query: TokenString) -> Iterator[tuple[Any, Any]]:
        engine = tantivy()
        _, schema = self._terms
        for name, n in ((_PAIRS, 2), (_TRIPLES, 3)) if self._triples else ((_PAIRS, 2),):
            for word in words(query.codes, n=n, vocab=self._vocab).split():
                yield engine.Occur.Should, engine.Query.term_query(schema, name, word)

    @cached_property
    def _terms(self) -> tuple[Any, Any]:
        found = tantivy().Index.open(str(self._place / _TERMS))
        return found.searcher(), found.schema


def _write_terms(folder: Path, passages: Passages, *, vocab: int, triples: bool) -> None:
    folder.mkdir()
    engine = tantivy()
    fields = {_PAIRS: 2, _TRIPLES: 3} if triples else {_PAIRS: 2}
    builder = engine.SchemaBuilder()
    builder.add_unsigned_field(_ID, fast=True)
    for name in fields:
        builder.add_text_field(name, tokenizer_name="whitespace", index_option="freq")
    writer = engine.Index(builder.build(), path=str(folder)).writer(heap_size=_HEAP, num_threads=1)
    for row, (begin, end) in enumerate(pairwise(passages.ends.tolist())):
        document = engine.Document()
        document.add_unsigned(_ID, row)
        codes = passages.codes[begin:end]
        for name, n in fields.items():
            document.add_text(name, words(codes, n=n, vocab=vocab))
        writer.add_document(document)
    try:
        writer.commit()
        writer.wait_merging_threads()
    except (ValueError, OSError) as error:
        reason = "no space left" if "space" in str(error) else "a failure"
        raise StoreError(f"{reason} to write {folder}: {error}; free some and run the same command again") from error
