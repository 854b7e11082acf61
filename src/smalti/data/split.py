"""Which recordings are kept out of training: whole groups, for cuts of one source in both splits would be no test.

The choice depends on the groups' names and the seed only, so that a collection that grows keeps what was chosen.
"""

import hashlib
from collections import Counter, defaultdict

import pyarrow as pa

from smalti.core import ParameterError, nearest
from smalti.data.manifest import Manifest

GROUPS = ("group_id", "source_id", "freesound_id", "speaker_id", "group", "source", "speaker")
"""Columns that say where a recording comes from; of each the first that says something is taken if none is named."""


LEARNT = (None, "", "train")
"""Splits of recordings that may be learnt from."""
HELD_OUT = "test"
"""Split of those that are kept out of it."""


def hold_out(manifest: Manifest, share: float, *, group: str | None = None, seed: int = 0) -> Manifest:
    """The same recordings with a column `split`: "test" for about that share of each label, "train" for the rest.

    Args:
        manifest: of recordings; a column `split` that it has is replaced.
        share: 0…1 of the recordings of each label; a group that belongs to several labels goes where the first puts it.
        group: column whose equal values stay together; see `groups`.
        seed: of the choice.
    Raises:
        ParameterError: if there is no such column (names the nearest) or the share is not within 0…1.
    """
    if not 0 <= share <= 1:
        raise ParameterError(f"hold-out share {share:g} is outside 0…1; give the share to keep out of training")
    together = groups(manifest, group)
    held = _held(together, [label or "" for label in manifest.labels()], share, seed)
    split = pa.array([HELD_OUT if one in held else "train" for one in together])
    table = manifest.table.drop_columns(["split"]) if "split" in manifest.table.column_names else manifest.table
    return Manifest(table.append_column("split", split), manifest.root)


def groups(manifest: Manifest, group: str | None = None) -> list[str]:
    """Where each recording comes from: what is equal stays together in a split.

    Args:
        group: column that says it; by default the first of `GROUPS` that says something of the recording. A recording
            of which none does stands alone, by its path.
    Raises:
        ParameterError: if there is no such column; names the nearest.
    """
    columns = [*group_columns(manifest, group), "path"]
    told = manifest.table.select(list(dict.fromkeys(columns))).to_pylist()
    return [next(str(value) for value in row.values() if value not in (None, "")) for row in told]


def group_columns(manifest: Manifest, group: str | None = None) -> list[str]:
    """The columns that `groups` asks, in their order, but the path.

    Raises:
        ParameterError: as `groups`.
    """
    names = manifest.table.column_names
    if group is not None and group not in names:
        raise ParameterError(f"column {group!r} is unknown; {nearest(group, names)}")
    return [group] if group else [name for name in GROUPS if name in names]


def _held(groups: list[str], labels: list[str], share: float, seed: int) -> set[str]:
    members: dict[str, Counter[str]] = defaultdict(Counter)
    for one, label in zip(groups, labels, strict=True):
        members[label][one] += 1
    held: set[str] = set()
    decided: set[str] = set()
    for label in sorted(members):
        sizes = members[label]
        missing = round(share * sizes.total()) - sum(sizes[one] for one in sizes.keys() & held)
        for one in sorted(sizes.keys() - decided, key=lambda name: _draw(seed, name)):
            if sizes[one] <= missing:
                held.add(one)
                missing -= sizes[one]
        decided |= sizes.keys()
    return held


def _draw(seed: int, name: str) -> bytes:
    return hashlib.sha256(f"{seed} {name}".encode()).digest()
