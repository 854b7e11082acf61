"""Find sound by sound: an index of what the codec learnt from, and held-out clips that look for their like."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from smalti.audio import read
from smalti.core import Audio
from smalti.data.manifest import Manifest
from smalti.evaluate.reports import to_json
from smalti.search import Hit, SearchSettings
from smalti.systems.retrieval import evaluate_index
from smalti.systems.searching import index, search

_PARTS = (("train", 400), ("test", 40))  # most recordings to be found, and queries
_SHOWN, _TOP = 6, 3
_LONGEST = 10.0  # seconds of a player


@dataclass(frozen=True, slots=True)
class Place:
    """What was found, and how it sounds there."""

    hit: Hit
    sound: Audio


@dataclass(frozen=True, slots=True)
class Query:
    """A sound that looked for its like.

    Attributes:
        name: its label, or the file of one's own.
        sound: its first seconds.
        found: the nearest places, best first.
    """

    name: str
    sound: Audio
    found: tuple[Place, ...]


@dataclass(frozen=True, slots=True)
class Finding:
    """Scores as of `evaluate retrieval`, without any if nothing has a label; and a few queries to listen to."""

    scores: dict[str, Any]
    queries: tuple[Query, ...]

    def to_json(self) -> dict[str, Any]:
        """Scores, and hits by query."""
        found = [{"query": one.name, "hits": [to_json(place.hit) for place in one.found]} for one in self.queries]
        return {**self.scores, "found": found}


def find(run: Path, data: Path, *, to: Path, own: Sequence[Path] = ()) -> Finding:
    """Index some of the training clips, at most 400, and look for held-out ones, at most 40, evenly taken of each.

    Args:
        run: of a codec.
        data: a manifest with the splits "train" and "test".
        to: folder of the index; an index that is there is gone on with.
        own: queries of the user's, shown before others.
    Raises:
        DataError: if a query of the user's cannot be read.
    """
    manifest = Manifest.read(data)
    collection, queries = (_some(manifest.split(name), most) for name, most in _PARTS)
    to.mkdir(parents=True, exist_ok=True)
    places = [_written(part, to / f"{name}.csv") for part, name in ((collection, "collection"), (queries, "queries"))]
    index(run, data=places[0], to=to / "index")
    labelled = any(queries.labels()) and set(filter(None, queries.labels())) <= set(collection.labels())
    scores = to_json(evaluate_index(to / "index", places[1])) if labelled else {}
    names = _first_of_each(queries)
    asked = [(path.name, path) for path in own] + names[:_SHOWN]
    report = search(to / "index", [path for _, path in asked], SearchSettings(top=_TOP))
    hits = {one.query: one.hits for one in report.found}
    return Finding(scores, tuple(_query(name, path, hits[str(path)]) for name, path in asked if str(path) in hits))


def evenly(rows: int, most: int) -> list[int]:
    """At most so many of the rows, evenly taken from the first on."""
    return [i * rows // min(rows, most) for i in range(min(rows, most))]


def _some(manifest: Manifest, most: int) -> Manifest:
    return manifest.select(evenly(manifest.rows, most))


def _written(manifest: Manifest, to: Path) -> Path:
    """A table of these recordings that may lie anywhere."""
    rows = manifest.table.to_pylist()
    known = [{**row, "path": str(path.resolve())} for row, path in zip(rows, manifest.paths(), strict=True)]
    Manifest.from_rows(known, to.parent).write(to)
    return to


def _first_of_each(queries: Manifest) -> list[tuple[str, Path]]:
    """One query of each label, or all of those without one."""
    named = [(label or path.name, path) for label, path in zip(queries.labels(), queries.paths(), strict=True)]
    return sorted(dict(reversed(named)).items())


def _query(name: str, path: Path, hits: Sequence[Hit]) -> Query:
    found = tuple(Place(hit, _heard(Path(hit.path), hit.start, hit.end - hit.start)) for hit in hits)
    return Query(name, _heard(path, 0.0, _LONGEST), found)


def _heard(path: Path, start: float, seconds: float) -> Audio:
    return read(path, start=start, seconds=min(seconds, _LONGEST))
