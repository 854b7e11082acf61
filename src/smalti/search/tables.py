"""The two Arrow tables that recordings and their passages are kept as."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from jaxtyping import Int64

from smalti.search.entries import Entry
from smalti.search.strings import TokenString

_COLUMNS = (
    ("path", pa.string()),
    ("label", pa.string()),
    ("digest", pa.string()),
    ("seconds", pa.float64()),
    ("windows", pa.int32()),
    ("facts", pa.string()),
)


def recording_table(given: Sequence[tuple[Entry, float, int]]) -> pa.Table:
    """A row of each: the recording, its seconds, how many windows it has."""
    keys = [entry.key for entry, _, _ in given]
    rows = [(*key[:3], seconds, count, key[3]) for key, (_, seconds, count) in zip(keys, given, strict=True)]
    names = [name for name, _ in _COLUMNS]
    return pa.Table.from_pylist([dict(zip(names, row, strict=True)) for row in rows], schema=pa.schema(_COLUMNS))


def passage_table(owners: list[int], pieces: list[TokenString], vocab: int) -> pa.Table:
    """A row of each token string, of the recordings of these rows; numbers in as few bits as hold them all."""
    longest = max((int(one.durations.max()) for one in pieces), default=1)
    ends = np.cumsum([0, *map(len, pieces)])
    codes, durations = (
        pa.ListArray.from_arrays(
            pa.array(ends, pa.int32()), pa.array(np.concatenate([np.zeros(0, np.int64), *parts]).astype(kind))
        )
        for parts, kind in (
            ([one.codes for one in pieces], _smallest(vocab - 1)),
            ([one.durations for one in pieces], _smallest(longest)),
        )
    )
    starts = pa.array([one.start for one in pieces], pa.int64())
    columns = {"recording": pa.array(owners, pa.int32()), "start": starts}
    return pa.table({**columns, "codes": codes, "durations": durations})


def joined_passages(tables: Sequence[pa.Table]) -> pa.Table:
    """Tables of passages end to end.

    Those whose longest runs differ hold durations in numbers of different width; joined, in the widest.
    """
    kinds = [table.schema.field("durations").type for table in tables]
    widest = kinds[int(np.argmax([kind.value_type.bit_width for kind in kinds]))]
    wide = [table.set_column(3, "durations", table["durations"].cast(widest)) for table in tables]
    return pa.concat_tables(wide).combine_chunks()


def owned(table: pa.Table, owner: Int64[np.ndarray, " passage"]) -> pa.Table:
    """The passages as those of the recordings of other rows."""
    return table.set_column(0, "recording", pa.array(owner, pa.int32()))


def _smallest(most: int) -> np.dtype[Any]:
    return np.min_scalar_type(most)
