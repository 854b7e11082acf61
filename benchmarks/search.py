"""What an index buys: milliseconds and recall of a search beside comparing everything, in one process, one thread.

Sequences of about 50 tokens, ten of each family: copies of one root with 20 % random edits (replaced, gone, put in).
`even`: tokens of 128 drawn evenly; `chain`: a Markov chain of 128 whose next token follows Zipf's law, closer to real
tokens and with longer posting lists. Queries are further copies with 20 % edits, and excerpts: 15 tokens from inside a
root, 20 % of them edited, looked for inside. Recall@10 is against the exhaustive comparison by rapidfuzz; `family` is
the share of excerpts with one of their family among the first ten. Milliseconds are of this process's CPU, for others
work on the machine too.

`rapidfuzz alone` gives distances and no more; `all` also ranks, and places what was found.

`words` are 480 words of 10 labels, like spoken digits as `wav2tok/digits` hears them: 6 tokens in 21 frames of
20 ms, what was believed of each, and 39 coefficients each 10 ms for time warping. One word in four is asked for;
microseconds are for each pair of it and a recording: of the whole search, which asks 400 of the pairs for soft scores,
of the search by edit distance alone, and of time warping of all pairs.

The million is built and searched in processes of its own, so that the memory told is that of the search alone.
`python benchmarks/search.py 100000` leaves the million out.
"""

import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import rapidfuzz
import torch

from smalti.core import Tokens, TokenSpec
from smalti.evaluate import dtw_distances
from smalti.search import Entry, Hit, SearchIndex, SearchSettings, SoftTokens, add_to_index, search

VOCAB, FAMILY, EDITS = 128, 10, 0.2
WORDS, LABELS, COEFFICIENTS, ASKED = 480, 10, 39, 4
SPEC = TokenSpec(sample_rate=16_000, hop=320, codebooks=1, vocab=VOCAB, tokenizer="benchmark")
QUERIES, TRUTHS = 200, 100
Strings = list[np.ndarray]


def even(count: int, generator: np.random.Generator) -> Strings:
    return [generator.integers(0, VOCAB, length) for length in generator.integers(40, 61, count)]


def chain(count: int, generator: np.random.Generator) -> Strings:
    follows = np.stack([generator.permutation(VOCAB) for _ in range(VOCAB)])
    chances = np.cumsum(1 / np.arange(1, VOCAB + 1))
    steps = np.searchsorted(chances / chances[-1], generator.random((60, count)))
    rows = np.empty((60, count), np.int64)
    rows[0] = generator.integers(0, VOCAB, count)
    for step in range(1, 60):
        rows[step] = follows[rows[step - 1], steps[step]]
    return [rows[:length, i] for i, length in enumerate(generator.integers(40, 61, count).tolist())]


def edited(strings: Strings, generator: np.random.Generator) -> Strings:
    """One copy of each, a fifth of its tokens replaced, gone, or with another put before them."""
    flat = np.concatenate(strings)
    edit = np.where(generator.random(len(flat)) < EDITS, generator.integers(0, 3, len(flat)), 3)
    copies = np.array([1, 0, 2, 1])[edit]
    out = np.repeat(flat, copies)
    first = np.cumsum(copies) - copies
    fresh = first[(edit == 0) | (edit == 2)]
    out[fresh] = generator.integers(0, VOCAB, len(fresh))
    ends = np.cumsum([0, *map(len, strings)])
    cuts = np.concatenate([[0], np.cumsum(copies)])[ends]
    return [out[a:b] for a, b in zip(cuts[:-1].tolist(), cuts[1:].tolist(), strict=True)]


def tokens(codes: np.ndarray) -> Tokens:
    return Tokens(torch.from_numpy(codes)[None, None], SPEC, torch.tensor([len(codes) * SPEC.hop]))


def build(folder: Path, roots: Strings, generator: np.random.Generator) -> None:
    copies = [edited(roots, generator) for _ in range(FAMILY)]
    entries = [
        Entry(f"family{root:06d}/{copy}", label=str(root)) for root in range(len(roots)) for copy in range(FAMILY)
    ]
    own: list[float] = []

    def hear(rows: Sequence[int]) -> list[Tokens]:
        begin = time.process_time()
        made = [tokens(copies[row % FAMILY][row // FAMILY]) for row in rows]
        own.append(time.process_time() - begin)
        return made

    start = time.process_time()
    add_to_index(folder, SPEC, entries, hear, group=1 << 16)
    taken = time.process_time() - start - sum(own)
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    print(f"  built {len(entries):,} sequences in {taken:.1f} CPU s, {size / 1e6:.1f} MB")


def timed(work: Callable[[Tokens], Sequence[Hit]], strings: Strings) -> tuple[list[Sequence[Hit]], float]:
    """Hits of every query, and the mean of CPU milliseconds that one takes."""
    queries = [tokens(string) for string in strings]
    work(queries[0])
    hits: list[Sequence[Hit]] = []
    taken: list[float] = []
    for query in queries:
        start = time.process_time()
        hits.append(work(query))
        taken.append(1000 * (time.process_time() - start))
    return hits, statistics.fmean(taken)


def queries_of(roots: Strings, generator: np.random.Generator) -> list[tuple[str, Strings, Strings]]:
    """Label, whole copies and excerpts of some roots, all edited."""
    chosen = generator.choice(len(roots), QUERIES, replace=False).tolist()
    whole = edited([roots[i] for i in chosen], generator)
    begins = [int(generator.integers(0, len(roots[i]) - 15)) for i in chosen]
    excerpts = edited([roots[i][b : b + 15] for i, b in zip(chosen, begins, strict=True)], generator)
    return [(str(i), one, other) for i, one, other in zip(chosen, whole, excerpts, strict=True)]


def measure(folder: Path, *, truths: int) -> None:
    asked = json.loads((folder.parent / f"{folder.name}.json").read_text("utf-8"))
    start = time.process_time()
    index = SearchIndex.open(folder)
    print(f"  opened and checked in {time.process_time() - start:.2f} CPU s")
    labels = [label for label, _, _ in asked]
    for name, place, inside in (("whole", 1, False), ("excerpt", 2, True)):
        queries = [np.array(one[place], np.int64) for one in asked]
        true: list[Sequence[Hit]] = []
        if truths:
            print(f"  {name}, all by rapidfuzz alone: {plain(index, queries[:20], inside=inside):.0f} ms")
            everything = SearchSettings(exhaustive=True, inside=inside)
            true, ms = timed(lambda query, own=everything: search(index, query, own), queries[:truths])
            print(f"  {name}, all: {ms:.0f} ms, family {family(true, labels):.3f}")
        for candidates in (200, 1000):
            some = SearchSettings(candidates=candidates, inside=inside)
            hits, ms = timed(lambda query, own=some: search(index, query, own), queries)
            found = f"recall@10 {recall(hits, true):.3f}, " if truths else ""
            print(f"  {name}, {candidates} candidates: {ms:.2f} ms, {found}family {family(hits, labels):.3f}")
    print(f"  {resident():.0f} MB resident at most")


def plain(index: SearchIndex, queries: Strings, *, inside: bool) -> float:
    """Mean of CPU milliseconds in which rapidfuzz compares a query with every string, without an order or a place."""
    texts = [text for one in index.segments for text in one.passages.texts(np.arange(len(one)))]
    scorer = rapidfuzz.fuzz.partial_ratio if inside else rapidfuzz.distance.Levenshtein.distance
    start = time.process_time()
    for query in queries:
        rapidfuzz.process.cdist(["".join(map(chr, query.tolist()))], texts, scorer=scorer)
    return 1000 * (time.process_time() - start) / len(queries)


def family(hits: Sequence[Sequence[Hit]], labels: Sequence[str]) -> float:
    """Share of queries with one of their family among the hits."""
    return statistics.fmean(any(h.label == label for h in found) for found, label in zip(hits, labels, strict=False))


def recall(hits: Sequence[Sequence[Hit]], truth: Sequence[Sequence[Hit]]) -> float:
    """Share of the true first ten that were found; one as near as the tenth counts as it."""
    shares = []
    for found, true in zip(hits, truth, strict=False):
        least = min(hit.score for hit in true)
        shares.append(sum(hit.score >= least for hit in found[: len(true)]) / len(true))
    return statistics.fmean(shares)


def resident() -> float:
    """Most memory that this process has held, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def words(folder: Path) -> None:
    generator = np.random.default_rng(7)
    roots = [generator.integers(0, VOCAB, 6) for _ in range(LABELS)]
    takes = [one for _ in range(WORDS // LABELS) for one in edited(roots, generator)]
    sounds = [believed(np.repeat(one, generator.integers(2, 6, len(one))), generator) for one in takes]
    entries = [Entry(f"{number:03d}", label=str(number % LABELS)) for number in range(WORDS)]
    add_to_index(folder, SPEC, entries, lambda rows: [sounds[row] for row in rows])
    index = SearchIndex.open(folder)
    drawn = torch.Generator().manual_seed(7)
    frames = [torch.randn(2 * len(one.log_probabilities), COEFFICIENTS, generator=drawn) for one in sounds]
    soft, edit = SearchSettings(), SearchSettings(soft=0)
    whole = a_pair(lambda word: search(index, sounds[word], soft))
    alone = a_pair(lambda word: search(index, sounds[word], edit))
    warped = a_pair(lambda word: dtw_distances(frames[word], frames))
    print(f"words, {WORDS} sequences")
    print(f"  a pair: search {whole:.2f} µs, by edit distance alone {alone:.2f} µs, time warping {warped:.1f} µs")
    print(f"  time warping takes {warped / whole:.1f} times as long")


def a_pair(work: Callable[[int], object]) -> float:
    """CPU microseconds that a query takes for each recording, mean over the words asked for."""
    work(0)
    asked = range(0, WORDS, ASKED)
    start = time.process_time()
    for word in asked:
        work(word)
    return 1e6 * (time.process_time() - start) / (len(asked) * WORDS)


def believed(codes: np.ndarray, generator: np.random.Generator) -> SoftTokens:
    """A sound whose likeliest codes are these; what else it might hold is drawn."""
    logits = generator.normal(size=(len(codes), VOCAB)) * 1.5
    logits[np.arange(len(codes)), codes] = logits.max(axis=1) + 1
    return SoftTokens(tokens(codes), logits - np.logaddexp.reduce(logits, axis=1, keepdims=True))


def main(count: int, folder: Path, part: str = "both") -> None:
    torch.set_num_threads(1)
    if part == "both":
        words(folder / "words")
    for name, draw in (("even", even), ("chain", chain)):
        print(f"{name}, {count:,} sequences")
        if part in ("build", "both"):
            generator = np.random.default_rng(7)
            roots = draw(count // FAMILY, generator)
            build(folder / name, roots, generator)
            asked = [(label, one.tolist(), other.tolist()) for label, one, other in queries_of(roots, generator)]
            (folder / f"{name}.json").write_text(json.dumps(asked), "utf-8")
            del roots
        if part in ("search", "both"):
            measure(folder / name, truths=0 if count > 200_000 else TRUTHS)


if __name__ == "__main__":
    if len(sys.argv) > 2:
        main(int(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])
    else:
        with tempfile.TemporaryDirectory() as own:
            main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000, Path(own))
            for step in () if len(sys.argv) > 1 else ("build", "search"):
                subprocess.run([sys.executable, __file__, "1000000", f"{own}/million", step], check=True)
