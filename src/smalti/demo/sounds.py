"""What the demo listens to: rendered textures and bundled recordings, or a folder of the user's own.

Held out are not only clips but VALUES: training never hears a parameter inside five narrow bands of its range, and
those are what the model is asked for later. Clips that move jump between allowed values within 20 ms.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from smalti.core import DataError
from smalti.data.manifest import Manifest
from smalti.data.prepare import prepare
from smalti.data.recordings import recordings_folder
from smalti.data.textures import TEXTURES, Curve, Order, Texture, write_corpus
from smalti.evaluate import Sweep
from smalti.systems.texture_sweeps import texture_sweep

BANDS = (0.1, 0.3, 0.5, 0.7, 0.9)
HALF_BAND = 0.04
HELD_OUT = tuple(centre + step for centre in BANDS for step in (-0.03, -0.015, 0.0, 0.015, 0.03))
"""The 25 positions in each parameter's range (0…1) that are asked for; training keeps out of the bands around them."""

SECONDS = 4.0
SAMPLE_RATE = 22_050
_TEST_SEEDS = 1_000_000


@dataclass(frozen=True, slots=True)
class Material:
    """Sounds with their roles.

    Attributes:
        codec: what the codec learns from (split "train") and is scored on ("test").
        model: the same for the language model.
        sweeps: parameters that can be measured, at held-out values.
        failed: files that could not be used: path and reason.
    """

    codec: Path
    model: Path
    sweeps: tuple[Sweep, ...] = ()
    failed: tuple[dict[str, str], ...] = ()


def built_in(to: Path, *, clips: int, seed: int) -> Material:
    """Render `clips` training and 25 held-out clips of every texture into `to`, and add the bundled recordings.

    A fifth of the training clips move.
    """
    orders = [order for kind in TEXTURES.values() for order in _orders(kind, clips=clips, seed=seed)]
    write_corpus(to, orders, seconds=SECONDS, sample_rate=SAMPLE_RATE, measured=False)
    textures, recordings = Manifest.read(to / "manifest.csv"), Manifest.read(recordings_folder())
    both = to / "with-recordings.csv"
    Manifest.from_rows([*_rows(textures), *_rows(recordings)], to).write(both)
    sweeps = tuple(_sweep(kind, seed) for kind in TEXTURES.values())
    return Material(codec=both, model=to / "manifest.csv", sweeps=sweeps)


def own(folder: Path, to: Path, *, seed: int) -> Material:
    """A user's sounds: sub-folder = label, numeric manifest columns = parameters; every sixth clip is held out.

    A manifest that says `split` (train, test) is followed.

    Raises:
        DataError: if nothing in the folder can be used.
    """
    prepared = to / "prepared.csv"
    report = prepare(folder, prepared, max_bad=1.0)
    failed = tuple(dict(row) for row in report.failed)
    if not report.files:
        raise DataError(f"{folder}: holds no sound that can be used; {_first_reason(failed)}")
    manifest = to / "manifest.csv"
    _with_split(Manifest.read(prepared), seed=seed).write(manifest)
    return Material(codec=manifest, model=manifest, failed=failed)


def _rows(manifest: Manifest) -> list[dict[str, object]]:
    """What the codec has to know of every recording: where it is, how long, what, and its split."""
    told = manifest.table.select(["seconds", "label", "split"]).to_pylist()
    return [{"path": str(path.resolve()), **row} for path, row in zip(manifest.paths(), told, strict=True)]


def _first_reason(failed: Sequence[dict[str, str]]) -> str:
    return failed[0]["reason"] if failed else "give a folder with wav, flac, ogg or mp3 files"


def _with_split(manifest: Manifest, *, seed: int) -> Manifest:
    splits = manifest.table["split"].to_pylist() if "split" in manifest.table.column_names else []
    if {"train", "test"} <= set(splits):
        return manifest
    labels = np.array([label or "" for label in manifest.labels()])
    generator = np.random.default_rng(seed)
    chosen = np.zeros(manifest.rows, bool)
    for label in np.unique(labels):
        rows = generator.permutation(np.flatnonzero(labels == label))
        chosen[rows[: len(rows) // 6]] = True
    if not chosen.any():
        chosen[generator.integers(manifest.rows)] = manifest.rows > 1
    table = manifest.table.drop_columns(["split"]) if splits else manifest.table
    return Manifest(table.append_column("split", pa.array(np.where(chosen, "test", "train"))), manifest.root)


def _orders(kind: Texture, *, clips: int, seed: int) -> list[Order]:
    generator = np.random.default_rng([seed, *kind.name.encode()])
    knob = kind.parameter(kind.main)
    train = [
        Order(kind, i, _seed(seed, i), {knob.name: _curve(kind, i, generator)}, i % 5 == 4, "train")
        for i in range(clips)
    ]
    test = [
        Order(kind, clips + i, _seed(seed, _TEST_SEEDS + i), {knob.name: knob.denormalise(position)}, False, "test")
        for i, position in enumerate(HELD_OUT)
    ]
    return train + test


def _curve(kind: Texture, index: int, generator: np.random.Generator) -> Curve:
    """A constant; for every fifth clip three values with quick changes between them."""
    knob = kind.parameter(kind.main)
    values = [knob.denormalise(_allowed(generator)) for _ in range(3)]
    if index % 5 != 4:
        return values[0]
    first, second = np.sort(generator.uniform(0.15, 0.85, 2)) * SECONDS
    second = max(second, first + 0.3)
    points = [(first, values[0]), (first + 0.02, values[1]), (second, values[1]), (second + 0.02, values[2])]
    return [(float(time), value) for time, value in points]


def _allowed(generator: np.random.Generator) -> float:
    while True:
        position = float(generator.random())
        if all(abs(position - centre) >= HALF_BAND for centre in BANDS):
            return position


def _seed(seed: int, index: int) -> int:
    return int(np.random.SeedSequence([seed, index]).generate_state(1, np.uint64)[0])


def _sweep(kind: Texture, seed: int) -> Sweep:
    seeds = [_seed(seed, _TEST_SEEDS + index) for index in range(len(HELD_OUT))]
    return texture_sweep(
        kind.name, kind.main, positions=HELD_OUT, seeds=seeds, seconds=SECONDS, sample_rate=SAMPLE_RATE
    )
