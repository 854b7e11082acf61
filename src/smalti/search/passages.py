"""Recordings and their passages as two Arrow tables: the truth of an index, from which everything else can be made.

    recordings    path, label, digest, seconds, windows (passages in all), facts (JSON of the manifest's other columns)
    passages      recording (its row), start (frame), codes, durations (frames)
    posteriors    bytes, a row a frame of every recording; only of tokenizers that say what they believe
    moments       bytes, twelve rows a recording: what it sounds like then; only if the tokenizer says that too

A passage is a token string that is compared as one: a whole short recording, or a window of a long one.
"""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute
from jaxtyping import Bool, Int8, Int64, Shaped, UInt8, UInt64

from smalti.search.entries import Entry, Heard
from smalti.search.holds import sounding
from smalti.search.strings import TokenString, TokenStrings, as_text, spans, windows
from smalti.search.tables import joined_passages, owned, passage_table, recording_table

_FEW = 4096  # passages of which texts, marks and names are remembered: making them costs as much as comparing them
_compute: Any = pyarrow.compute


@dataclass(frozen=True)
class Passages:
    """Some recordings and their passages, those of one recording side by side."""

    recordings: pa.Table
    table: pa.Table
    posteriors: UInt8[np.ndarray, "frame vocab"] | None = None
    moments: Int8[np.ndarray, "recording moment dim"] | None = None

    def __len__(self) -> int:
        return self.table.num_rows

    @classmethod
    def of(cls, heard: Iterable[Heard], *, vocab: int, window: int, hop: int) -> "Passages":
        """The passages of recordings."""
        given = list(heard)
        pieces = [windows(one.string, size=window, hop=hop) if len(one.string) else [] for one in given]
        counts = [len(own) for own in pieces]
        recordings = [(one.entry, one.seconds, count) for one, count in zip(given, counts, strict=True)]
        owners = np.repeat(np.arange(len(given)), counts).tolist()
        table = passage_table(owners, [piece for own in pieces for piece in own], vocab)
        posteriors = _end_to_end([one.posteriors for one in given if len(one.string)])
        sounds = _end_to_end([None if one.moments is None else one.moments[None] for one in given])
        return cls(recording_table(recordings), table, posteriors, sounds)

    @classmethod
    def alone(cls, heard: Iterable[tuple[Entry, TokenString, float, int]], *, vocab: int) -> "Passages":
        """Single passages of recordings: string, seconds of the recording, and how many windows that has in all."""
        given = list(heard)
        recordings = recording_table([(entry, seconds, count) for entry, _, seconds, count in given])
        pieces = [string for _, string, _, _ in given]
        return cls(recordings, passage_table(list(range(len(given))), pieces, vocab))

    @classmethod
    def joined(cls, parts: Sequence["Passages"]) -> "Passages":
        """All parts, end to end."""
        shifts = np.cumsum([0, *(part.recordings.num_rows for part in parts)])
        tables = [owned(part.table, part.owner + int(shift)) for part, shift in zip(parts, shifts, strict=False)]
        recordings = pa.concat_tables([part.recordings for part in parts]).combine_chunks()
        posteriors = _end_to_end([part.posteriors for part in parts if len(part)])
        sounds = _end_to_end([part.moments for part in parts if part.recordings.num_rows])
        return cls(recordings, joined_passages(tables), posteriors, sounds)

    def where(self, kept: Bool[np.ndarray, " recording"]) -> "Passages":
        """Some of the recordings, with their passages."""
        rows = np.flatnonzero(kept[self.owner]) if len(self) else np.zeros(0, np.int64)
        table = self.table.take(pa.array(rows))
        numbers = np.cumsum(kept) - 1
        owner = numbers[table["recording"].to_numpy()]
        heard = self._heard_of(np.flatnonzero(kept))
        return Passages(self.recordings.filter(pa.array(kept)), owned(table, owner), *heard)

    def sorted(self) -> "Passages":
        """The same in order of path, so that equal contents are equal bytes."""
        order = np.argsort(np.array(self.paths, object), kind="stable")
        rank = np.argsort(order)
        rows = np.argsort(rank[self.owner], kind="stable")
        table = self.table.take(pa.array(rows))
        recordings = self.recordings.take(pa.array(order))
        return Passages(recordings, owned(table, rank[self.owner[rows]]), *self._heard_of(order))

    def latest(self) -> "Passages":
        """Of recordings with one path only the last."""
        last = {path: row for row, path in enumerate(self.paths)}
        return self.where(np.array([last[path] == row for row, path in enumerate(self.paths)], bool))

    def split(self, most: int) -> list["Passages"]:
        """Parts of at most so many passages, but of whole recordings."""
        counts = np.bincount(self.owner, minlength=self.recordings.num_rows)
        numbers, number, size = np.zeros(len(counts), np.int64), 0, 0
        for row, count in enumerate(counts.tolist()):
            if size and size + count > most:
                number, size = number + 1, 0
            numbers[row], size = number, size + count
        return [self.where(numbers == part) for part in range(number + 1)] if len(counts) else []

    @cached_property
    def paths(self) -> list[str]:
        """Of the recordings."""
        return self.recordings["path"].to_pylist()

    @cached_property
    def owner(self) -> Int64[np.ndarray, " passage"]:
        """Row of each passage's recording."""
        return self.table["recording"].to_numpy().astype(np.int64)

    @cached_property
    def starts(self) -> Int64[np.ndarray, " passage"]:
        """Frame of its recording at which each passage begins."""
        return self.table["start"].to_numpy()

    @cached_property
    def windowed(self) -> Bool[np.ndarray, " passage"]:
        """Whether a passage is one of several windows of its recording."""
        return self.recordings["windows"].to_numpy()[self.owner] > 1

    def parted(self, rows: Int64[np.ndarray, " chosen"], tokens: int, *, inside: bool) -> Bool[np.ndarray, " chosen"]:
        """Inside which passages a query of so many tokens is looked for: windows, and what is longer than it."""
        found = self.windowed[rows]
        return found | (self.ends[rows + 1] - self.ends[rows] > tokens) if inside else found

    @cached_property
    def first_frames(self) -> Int64[np.ndarray, " end"]:
        """Row of `posteriors` at which each recording begins, and the end of the last."""
        lasts = np.concatenate([[0], np.cumsum(self.durations, dtype=np.int64)])[self.ends]
        counts = np.zeros(self.recordings.num_rows, np.int64)
        np.maximum.at(counts, self.owner, self.starts + np.diff(lasts))
        return np.concatenate([[0], np.cumsum(counts)])

    def sounding(self, recordings: Int64[np.ndarray, " chosen"]) -> Int64[np.ndarray, "chosen 2"]:
        """First row of `posteriors`, and end, of whole recordings without what is held at their ends.

        Each is looked for once and then remembered.
        """
        known = self._sounding
        new = recordings[known[recordings, 1] < 0]
        if len(new):
            begins = self.first_frames[new]
            known[new] = self.sounding_in(begins, self.first_frames[new + 1] - begins)
        return known[recordings]

    def sounding_in(
        self, begins: Int64[np.ndarray, " stretch"], counts: Int64[np.ndarray, " stretch"]
    ) -> Int64[np.ndarray, "stretch 2"]:
        """The same of stretches of so many rows."""
        assert self.posteriors is not None
        found = sounding(self.posteriors[spans(begins, counts)], counts)
        return found + (begins - np.cumsum(counts) + counts)[:, None]

    def texts(self, rows: Int64[np.ndarray, " chosen"]) -> list[str]:
        """Passages as characters."""
        if len(self) > _FEW:
            return self._texts_of(rows)
        known = self._texts
        return [known[row] for row in rows.tolist()]

    def string(self, row: int) -> TokenString:
        """One passage."""
        piece = slice(self.ends.item(row), self.ends.item(row + 1))
        codes, durations = self.codes[piece].astype(np.int64), self.durations[piece].astype(np.int64)
        return TokenString(codes, durations, self.starts.item(row))

    def strings(self, rows: Int64[np.ndarray, " chosen"]) -> TokenStrings:
        """Some passages."""
        counts = self.ends[rows + 1] - self.ends[rows]
        at = spans(self.ends[rows], counts)
        codes, durations = (part[at].astype(np.int64) for part in (self.codes, self.durations))
        return TokenStrings(codes, durations, np.concatenate([[0], np.cumsum(counts)]), self.starts[rows])

    def path(self, row: int) -> str:
        """Of the recording that a passage is from."""
        return self.recordings["path"][int(self.owner[row])].as_py()

    def marks(self, rows: Int64[np.ndarray, " chosen"]) -> UInt64[np.ndarray, " chosen"]:
        """A number for each of some passages, which its path and first frame decide."""
        return self._marks_of(rows) if len(self) > _FEW else self._marks[rows]

    def told(self, recording: int) -> tuple[str, str | None, float]:
        """Path, label and seconds of a recording."""
        if len(self) > _FEW:
            path, label, seconds = (column[recording].as_py() for column in self._columns)
            return path, label, seconds
        return self._told[recording]

    def entry(self, recording: int) -> Entry:
        """What is known of a recording."""
        row = self.recordings.slice(recording, 1).to_pylist()[0]
        return Entry(row["path"], row["label"], row["digest"], json.loads(row["facts"]))

    @property
    def keys(self) -> list[tuple[Any, ...]]:
        """`Entry.key` of every recording."""
        columns = (self.recordings[name].to_pylist() for name in ("path", "label", "digest", "facts"))
        return list(zip(*columns, strict=True))

    @cached_property
    def ends(self) -> Int64[np.ndarray, " end"]:
        """Of each passage among the tokens of all, behind a first 0."""
        lengths = _compute.list_value_length(self.table["codes"]).to_numpy()
        return np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])

    @cached_property
    def codes(self) -> Shaped[np.ndarray, " token"]:
        """Of all passages, end to end."""
        return self._flat("codes")

    @cached_property
    def durations(self) -> Shaped[np.ndarray, " token"]:
        """In frames, of all passages, end to end."""
        return self._flat("durations")

    @cached_property
    def _columns(self) -> list[pa.Array]:
        return [self.recordings[name].combine_chunks() for name in ("path", "label", "seconds")]

    @cached_property
    def _told(self) -> list[tuple[str, str | None, float]]:
        return list(zip(*(column.to_pylist() for column in self._columns), strict=True))

    @cached_property
    def _sounding(self) -> Int64[np.ndarray, "recording 2"]:
        """What `sounding` has found; -1 where nobody has asked yet."""
        return np.full((self.recordings.num_rows, 2), -1)

    @cached_property
    def _texts(self) -> list[str]:
        return self._texts_of(np.arange(len(self)))

    @cached_property
    def _marks(self) -> UInt64[np.ndarray, " passage"]:
        return self._marks_of(np.arange(len(self)))

    def _texts_of(self, rows: Int64[np.ndarray, " chosen"]) -> list[str]:
        return list(map(self._text.__getitem__, map(slice, self.ends[rows].tolist(), self.ends[rows + 1].tolist())))

    def _marks_of(self, rows: Int64[np.ndarray, " chosen"]) -> UInt64[np.ndarray, " chosen"]:
        paths = self._columns[0].take(pa.array(self.owner[rows])).to_pylist()
        names = (f"{path}\0{start}" for path, start in zip(paths, self.starts[rows].tolist(), strict=True))
        digests = (hashlib.blake2b(name.encode(), digest_size=8).digest() for name in names)
        return np.frombuffer(b"".join(digests), "<u8").astype(np.uint64)

    @cached_property
    def _text(self) -> str:
        return as_text(self.codes)

    def _heard_of(self, chosen: Int64[np.ndarray, " chosen"]) -> list[Any]:
        """Posteriors and moments of some recordings, in this order."""
        sounds = None if self.moments is None else self.moments[chosen]
        if self.posteriors is None or not len(chosen):
            return [None, sounds]
        begins, ends = self.first_frames[:-1][chosen].tolist(), self.first_frames[1:][chosen].tolist()
        pieces = zip(begins, ends, strict=True)
        return [np.concatenate([self.posteriors[begin:end] for begin, end in pieces]), sounds]

    def _flat(self, name: str) -> Shaped[np.ndarray, " token"]:
        return self.table[name].combine_chunks().flatten().to_numpy(zero_copy_only=False)


def _end_to_end(parts: Sequence[np.ndarray | None]) -> Any:
    """All parts, if there are all."""
    known = [rows for rows in parts if rows is not None]
    return np.concatenate(known) if known and len(known) == len(parts) else None
