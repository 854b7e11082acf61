"""Which tokenisations a store holds: every clip once, training clips also begun a fraction of a frame later.

The same sound gives other tokens when frames begin elsewhere. A language model that hears several of these versions
learns the sound and not the accident of its framing.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from jaxtyping import Bool, Int64

from smalti.core import DataError, TokenSpec
from smalti.data.given_codes import holds_codes
from smalti.data.manifest import TRACKS, Manifest, write_tracks
from smalti.data.split import LEARNT

SHIFT, RECORDING = "shift", "recording"


def versions(manifest: Manifest, spec: TokenSpec, *, shifts: int) -> pa.Table:
    """The clip table of a store: one row a tokenisation, sorted by path.

    Beside the manifest's own columns it has `samples` (length at the spec's rate), `shift` (samples left out at the
    beginning: 0, hop/N, 2·hop/N, … of N) and `recording` (its path). Version 512 of `a.wav` has the path `a.wav@512`.
    What is there as codes already cannot begin elsewhere, and has one version.

    Raises:
        DataError: if the manifest does not say how long its recordings are.
    """
    names = [name for name in manifest.table.column_names if name not in ("samples", SHIFT, RECORDING)]
    own = manifest.table.select(names)
    if "seconds" not in names or own["seconds"].null_count:
        raise DataError("the manifest does not say the seconds of each recording; make it with `smalti prepare`")
    length = np.maximum(1, np.rint(manifest.values("seconds") * spec.sample_rate)).astype(np.int64)
    parts = [_version(own, length, 0, np.ones(len(length), bool))]
    given = np.array([holds_codes(path) for path in own["path"].to_pylist()])
    for shift in sorted({k * spec.hop // shifts for k in range(shifts)} - {0}):
        parts.append(_version(own, length, shift, _trained(own) & (length > shift) & ~given))
    return pa.concat_tables(parts).sort_by("path")


def write_version_tracks(manifest: Manifest, clips: pa.Table, path: Path, *, sample_rate: int) -> bool:
    """Write the parameters over time of all versions, each from its own beginning; False if there are none."""
    if not (manifest.root / TRACKS).is_file():
        return False
    rows = [
        row
        for clip in clips.select(["path", SHIFT, RECORDING]).to_pylist()
        for row in _tracks(manifest, clip, sample_rate)
    ]
    write_tracks(path, rows)
    return True


def _tracks(manifest: Manifest, clip: dict[str, Any], sample_rate: int) -> Iterator[dict[str, Any]]:
    for name, (rate, values) in manifest.track(clip[RECORDING]).items():
        begin = min(round(clip[SHIFT] / sample_rate * rate), len(values) - 1)
        yield {"path": clip["path"], "name": name, "rate": rate, "values": values[begin:]}


def _version(
    table: pa.Table, length: Int64[np.ndarray, " row"], shift: int, chosen: Bool[np.ndarray, " row"]
) -> pa.Table:
    part = table.filter(pa.array(chosen))
    paths = part["path"].to_pylist()
    named = [f"{path}@{shift}" for path in paths] if shift else paths
    part = part.set_column(part.column_names.index("path"), "path", pa.array(named, pa.string()))
    part = part.append_column("samples", pa.array(length[chosen] - shift))
    part = part.append_column(SHIFT, pa.array(np.full(len(paths), shift)))
    return part.append_column(RECORDING, pa.array(paths, pa.string()))


def _trained(table: pa.Table) -> Bool[np.ndarray, " row"]:
    """Whether a row may be learnt from: its split is "train" or not told."""
    if "split" not in table.column_names:
        return np.ones(table.num_rows, bool)
    return np.array([split in LEARNT for split in table["split"].to_pylist()])
