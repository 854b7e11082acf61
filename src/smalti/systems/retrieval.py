"""How well an index finds: its own search on labelled queries, beside what sound was compared by before."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from smalti.audio import inspect, read
from smalti.core import DataError, Tokens, nearest, reasons
from smalti.data.manifest import Manifest
from smalti.evaluate import RetrievalScores, dtw_distances, evaluate_ranking
from smalti.features import mfcc, normalised, trimmed
from smalti.quantize import kmeans, nearest_centre
from smalti.search import (
    Entry,
    SearchIndex,
    SearchSettings,
    SoftTokens,
    joined,
    query_string,
    rank,
    search,
    string_distances,
)
from smalti.store import sha256
from smalti.systems.searching import heard, open_index
from smalti.transcode.files import Progress, no_progress

_MOST_RATE = 16_000  # Hz, of the peers' sound
_CENTRES, _FRAMES = 128, 50_000  # of the k-means peer, and frames that it learns from
_MOST_PAIRS = 500_000  # that a peer compares; more queries are left out evenly
_RECALL = (1, 5, 10)


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrievalReport:
    """What `evaluate_index` found.

    Attributes:
        mrr, map, p_at_1, queries, ms_per_query, us_per_pair: of the index's own search, as `smalti search` does it, and
            timed from tokens to hits, in CPU time; recordings that are no candidates share the last rank.
        speed_up: us_per_pair of `mfcc_dtw` for one of the search; None without peers.
        recall_at: of the first 1, 5 and 10 hits of a comparison with everything, the share that the search finds.
        recordings: in the index.
        tokens_per_second: of sound, after runs are joined.
        excluded: column whose equals were not to be found; "" if only the query itself.
        peers: the same scores of `exhaustive` (all passages compared), `edit` (no soft scores, where the tokenizer has
            such), `mfcc_dtw`, `kmeans_edit`, `random`.
        failed: path and reason of each query that could not be heard.
        seconds: taken.
    """

    mrr: float
    map: float
    p_at_1: float
    queries: int
    ms_per_query: float
    us_per_pair: float
    speed_up: float | None
    recall_at: Mapping[str, float]
    recordings: int
    tokens_per_second: float
    excluded: str
    peers: Mapping[str, RetrievalScores]
    failed: tuple[dict[str, str], ...]
    seconds: float


@dataclass(frozen=True, slots=True)
class _Trial:
    """Queries and what each may and should find among the recordings of an index."""

    queries: list[Path]
    tokens: list[Tokens | SoftTokens]
    entries: list[Entry]
    relevant: Bool[np.ndarray, "query item"]
    allowed: Bool[np.ndarray, "query item"]

    def excluded(self, row: int) -> frozenset[str]:
        """Paths that a query may not find."""
        return frozenset(self.entries[item].path for item in np.flatnonzero(~self.allowed[row]).tolist())


@torch.no_grad()
def evaluate_index(
    folder: Path,
    data: Path,
    *,
    exclude: str = "",
    peers: bool = True,
    progress: Progress = no_progress,
) -> RetrievalReport:
    """Scores of an index's search on labelled queries, beside peers on the same.

    A query never finds itself: neither its own path nor a recording of the same bytes.

    Args:
        folder: the index.
        data: a manifest of queries with labels; may be the one that was indexed.
        exclude: a column such as `speaker` that both manifests have: what equals the query's is not to be found, which
            is the harder and more honest question.
        peers: also score MFCC with time warping, k-means tokens, and chance. They read the indexed recordings.
        progress: told (steps done, in all).
    Raises:
        DataError: if no query can be heard, labels or the column are missing, or nothing is to be found.
        StoreError, SpecError: if the index cannot be used.
    """
    begin = time.perf_counter()
    index, trial, failed = _trial(folder, data, exclude)
    ways = {"own": SearchSettings(), "exhaustive": SearchSettings(exhaustive=True)}
    if any(isinstance(one, SoftTokens) for one in trial.tokens):
        ways["edit"] = SearchSettings(soft=0)
    recall, spent = _recall(index, trial, ways)
    progress(1, 4)
    beside = {name: _timed(_scores(index, trial, way), spent[name], len(trial.entries)) for name, way in ways.items()}
    scores = beside.pop("own")
    progress(2, 4)
    if peers:
        beside |= _peers(trial)
    progress(3, 4)
    chance = np.zeros(len(trial.entries))
    beside["random"] = evaluate_ranking(lambda row: chance, trial.relevant, trial.allowed)
    strings = [query_string([index], one) for one in trial.tokens]
    frame = index.contents.spec.hop / index.contents.spec.sample_rate
    progress(4, 4)
    return RetrievalReport(
        **asdict(scores),
        speed_up=beside["mfcc_dtw"].us_per_pair / scores.us_per_pair if peers else None,
        recall_at=recall,
        recordings=len(trial.entries),
        tokens_per_second=sum(map(len, strings)) / (frame * sum(one.frames for one in strings)),
        excluded=exclude,
        peers=beside,
        failed=failed,
        seconds=time.perf_counter() - begin,
    )


def _trial(folder: Path, data: Path, exclude: str) -> tuple[SearchIndex, _Trial, tuple[dict[str, str], ...]]:
    index, tokenizer = open_index(folder)
    manifest = Manifest.read(data)
    entries = [entry for entry, _ in index.entries()]
    kept: list[int] = []
    tokens: list[Tokens | SoftTokens] = []
    failed: list[dict[str, str]] = []
    for row, path in enumerate(manifest.paths()):
        try:
            tokens.append(heard(tokenizer, path))
            kept.append(row)
        except DataError as error:
            failed.append({"path": str(path), "reason": str(error)})
    if not kept:
        raise DataError(reasons(failed) or f"{data} holds no query")
    queries = manifest.select(kept)
    labels, known = queries.labels(), np.array([entry.label or "" for entry in entries], object)
    relevant = np.array([known == label if label else np.zeros(len(known), bool) for label in labels], bool)
    allowed = ~_same_recording(queries.paths(), entries)
    if exclude:
        allowed &= ~_same_value(queries, entries, exclude)
    return index, _Trial(queries.paths(), tokens, entries, relevant, allowed), tuple(failed)


def _same_recording(queries: Sequence[Path], entries: Sequence[Entry]) -> Bool[np.ndarray, "query item"]:
    places = np.array([str(Path(entry.path).resolve()) for entry in entries], object)
    digests = np.array([entry.digest for entry in entries], object)
    return np.array([(places == str(path.resolve())) | (digests == sha256(path)) for path in queries], bool)


def _same_value(queries: Manifest, entries: Sequence[Entry], column: str) -> Bool[np.ndarray, "query item"]:
    there = queries.table.column_names
    if column not in there:
        raise DataError(f"the queries have no column {column!r}; {nearest(column, there)}")
    known = np.array([str(entry.facts.get(column, "")) for entry in entries], object)
    if not any(known):
        columns = sorted({name for entry in entries for name in entry.facts})
        raise DataError(f"no recording of the index says its {column!r}; {nearest(column, columns)}")
    return np.array([known == str(value) for value in queries.table[column].to_pylist()], bool)


def _scores(index: SearchIndex, trial: _Trial, settings: SearchSettings) -> RetrievalScores:
    """Of the index's own ranking; recordings that are no candidates share the last rank."""
    counts = [segment.passages.recordings.num_rows for segment in index.segments]
    firsts = np.cumsum([0, *counts])  # entry of each segment's first recording

    def ranks(row: int) -> Float[np.ndarray, " item"]:
        ranked = rank([index], trial.tokens[row], settings, excluded=trial.excluded(row))
        found, groups = np.full(len(trial.entries), np.inf), ranked.groups
        for passages, at, rows in ranked.places.by_segment():
            first = firsts[ranked.places.segment[at[0]]]
            np.minimum.at(found, first + passages.owner[rows], groups[at])
        return found

    return evaluate_ranking(ranks, trial.relevant, trial.allowed)


def _timed(scores: RetrievalScores, ms_per_query: float, recordings: int) -> RetrievalScores:
    return replace(scores, ms_per_query=ms_per_query, us_per_pair=1000 * ms_per_query / recordings)


def _recall(
    index: SearchIndex, trial: _Trial, ways: Mapping[str, SearchSettings]
) -> tuple[dict[str, float], dict[str, float]]:
    """Share of the true first hits that the own search finds, and milliseconds that each way takes a query."""
    shares: dict[int, list[float]] = {k: [] for k in _RECALL}
    spent = dict.fromkeys(ways, 0.0)
    for row, tokens in enumerate(trial.tokens):
        hits: dict[str, list[tuple[str, float]]] = {}
        excluded = trial.excluded(row)
        for name, settings in ways.items():
            begin = time.process_time()
            found = search(index, tokens, settings, excluded=excluded)
            spent[name] += time.process_time() - begin
            hits[name] = [(hit.path, hit.start) for hit in found]
        for k, share in shares.items():
            wanted = set(hits["exhaustive"][:k])
            share.append(len(wanted & set(hits["own"][:k])) / max(len(wanted), 1))
    ms = {name: 1000 * seconds / len(trial.tokens) for name, seconds in spent.items()}
    return {str(k): float(np.mean(share)) for k, share in shares.items()}, ms


def _peers(trial: _Trial) -> dict[str, RetrievalScores]:
    """What needs no learning from labels, on as many queries as can be compared in minutes."""
    paths = [Path(entry.path) for entry in trial.entries]
    sample_rate = min(_MOST_RATE, inspect(paths[0]).sample_rate)
    step = max(1, len(trial.queries) * len(paths) // _MOST_PAIRS)
    relevant, allowed = trial.relevant[::step], trial.allowed[::step]
    items, asked = ([_frames(path, sample_rate) for path in some] for some in (paths, trial.queries[::step]))
    strings, texts = _kmeans_strings([items, asked])
    return {
        "kmeans_edit": evaluate_ranking(lambda row: string_distances(texts[row], strings), relevant, allowed),
        "mfcc_dtw": evaluate_ranking(lambda row: dtw_distances(asked[row], items), relevant, allowed),
    }


def _frames(path: Path, sample_rate: int) -> Float[Tensor, "frame dim"]:
    samples = trimmed(read(path, sample_rate=sample_rate).samples[0], sample_rate)
    return normalised(mfcc(samples, sample_rate))


def _kmeans_strings(groups: Sequence[Sequence[Tensor]]) -> list[list[str]]:
    """Frames as strings of the nearest of 128 centres, learnt from the first group."""
    generator = torch.Generator().manual_seed(0)
    points = torch.cat(list(groups[0]))
    chosen = points[torch.randperm(len(points), generator=generator)[:_FRAMES]]
    centres = kmeans(chosen, centres=_CENTRES, iterations=20, generator=generator)
    return [[joined(nearest_centre(one, centres).numpy()).text for one in group] for group in groups]
