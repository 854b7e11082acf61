"""What a probe asks: recordings, their classes, where they come from, and which are learnt from.

Official folds and splits are followed. What has neither is split by whole groups, so that no source is on both sides.
"""

import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from jaxtyping import Bool
from torch import Tensor

from smalti.core import DataError, ParameterError, nearest
from smalti.data.manifest import Manifest
from smalti.data.split import groups
from smalti.evaluate.splits import Split, grouped_split

_log = logging.getLogger(__name__)
_APART = re.compile(r"\s*[;,]\s*")
_SHARE = 0.25
Way = Literal["train and test", "folds", "split", "held-out groups"]


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """Recordings of a probe.

    Attributes:
        paths: of the recordings.
        labels: what each is, as it is written.
        classes: names, sorted.
        truth: which of them each recording is.
        groups: where each comes from.
        way: how they are parted.
        sides: the part that each is in: "train" or "test", or its fold.
    """

    paths: list[Path]
    labels: list[str]
    classes: list[str]
    truth: Bool[Tensor, "row class"]
    groups: list[str]
    way: Way
    sides: list[str]

    def heard(self, rows: Sequence[int]) -> "Asked":
        """Those of these rows."""
        labels, owners, sides = ([one[row] for row in rows] for one in (self.labels, self.groups, self.sides))
        paths = [self.paths[row] for row in rows]
        return Asked(paths, labels, self.classes, self.truth[list(rows)], owners, self.way, sides)

    def parts(self) -> list[Split]:
        """Rows to learn from and rows to be asked about: one pair, or one for each fold.

        Raises:
            DataError: if a side is empty.
        """
        sides = np.array(self.sides, object)
        tests = ["test"] if self.way != "folds" else sorted(set(self.sides))
        found = [Split(np.flatnonzero(sides != test), np.flatnonzero(sides == test)) for test in tests]
        if any(not len(part.train) or not len(part.test) for part in found):
            raise DataError(f"found {len(self.sides)} labelled recordings on one side; give both sides some")
        return found


def asked(
    train: Path | None,
    test: Path | None,
    data: Path | None,
    *,
    by: str = "label",
    group: str | None = None,
    several: bool = False,
    seed: int = 0,
) -> Asked:
    """Recordings from a manifest to learn from and one to be asked about, or from one that is parted.

    Of one manifest, official folds (column `fold`) are asked in turn; else its test rows are asked and its training
    rows learnt from; else a quarter of each class is held out, by whole groups.

    Args:
        by: column of the classes; a recording without any is left out.
        group: column of where recordings come from; see `smalti.data.split.groups`.
        several: classes of a recording are parted by `;` or `,`.
        seed: of what is held out.
    Raises:
        ParameterError: for other than two manifests or one, or an unknown column.
        DataError: if nothing is labelled, or a class to be asked about is not to be learnt.
    """
    if (train is None) != (test is None) or (train is None) == (data is None):
        raise ParameterError("found another choice of manifests, wanted --train and --test, or --data alone")
    tables = [(Manifest.read(one), side) for one, side in ((train, "train"), (test, "test"), (data, "")) if one]
    rows: list[dict[str, Any]] = []
    for manifest, side in tables:
        rows += _rows(manifest, side, by, group)
    way: Way = "train and test"
    if data is not None:
        way = _parted(rows, seed)
    names = [_classes(row["label"], several=several) for row in rows]
    classes = sorted({name for own in names for name in own})
    truth = torch.tensor([[name in own for name in classes] for own in names], dtype=torch.bool)
    found = Asked(
        [row["path"] for row in rows],
        [row["label"] for row in rows],
        classes,
        truth,
        [row["group"] for row in rows],
        way,
        [row["side"] for row in rows],
    )
    _refuse_unknown(found)
    return found


def _rows(manifest: Manifest, side: str, by: str, group: str | None) -> list[dict[str, Any]]:
    """Labelled rows; of a manifest with splits, those that its side may have."""
    names = manifest.table.column_names
    if by not in names:
        raise ParameterError(f"column {by!r} is unknown; {nearest(by, names)}")
    columns = {name: manifest.table[name].to_pylist() for name in (by, "split", "fold") if name in names}
    none: list[Any] = [None] * manifest.rows
    rows = zip(
        manifest.paths(), columns[by], columns.get("split", none), columns.get("fold", none), groups(manifest, group),
        strict=True,
    )  # fmt: skip
    known = {split for split in columns.get("split", none) if split}
    other = {"train": "test", "test": "train"}.get(side)
    kept = [
        {"path": path, "label": _text(label), "split": split, "fold": fold, "group": owner, "side": side}
        for path, label, split, fold, owner in rows
        if label not in (None, "") and not (other in known and side in known and split == other)
    ]
    if not kept:
        raise DataError(f"found no recording with a {by}, wanted some of two classes; name another column or manifest")
    return kept


def _text(label: Any) -> str:
    return str(int(label)) if isinstance(label, float) and label.is_integer() else str(label)


def _classes(label: str, *, several: bool) -> list[str]:
    return [name for name in _APART.split(label.strip()) if name] if several else [label]


def _parted(rows: list[dict[str, Any]], seed: int) -> Way:
    """Say the side of each row."""
    folds = {row["fold"] for row in rows if row["fold"] not in (None, "")}
    if len(folds) > 1:
        rows[:] = [{**row, "side": _text(row["fold"])} for row in rows if row["fold"] not in (None, "")]
        return "folds"
    if {"train", "test"} <= {row["split"] for row in rows}:
        rows[:] = [{**row, "side": row["split"]} for row in rows if row["split"] in ("train", "test")]
        return "split"
    split = grouped_split([row["label"] for row in rows], [row["group"] for row in rows], share=_SHARE, seed=seed)
    held = set(split.test.tolist())
    rows[:] = [{**row, "side": "test" if place in held else "train"} for place, row in enumerate(rows)]
    return "held-out groups"


def _refuse_unknown(found: Asked) -> None:
    """Classes that cannot be known, and sounds that are known beforehand."""
    if found.way == "folds":
        return
    learnt = np.array([side == "train" for side in found.sides])
    has = found.truth.numpy()
    missing = np.flatnonzero(has[~learnt].any(0) & ~has[learnt].any(0))
    if len(missing):
        name = found.classes[missing[0]]
        raise DataError(f"{len(missing)} classes are asked about and never learnt, such as {name!r}; leave them out")
    both = _on_both_sides([str(path.resolve()) for path in found.paths], learnt)
    if both:
        raise DataError(f"{len(both)} recordings are learnt from and asked about, such as {both[0]}; part them")
    shared = _on_both_sides(found.groups, learnt)
    if shared:
        said = f"{len(shared)} groups, such as {shared[0]}, are learnt from and asked about"
        _log.warning("%s: the figures are flattered", said)


def _on_both_sides(names: Sequence[str], learnt: Bool[np.ndarray, " row"]) -> list[str]:
    sides = [{name for name, own in zip(names, learnt, strict=True) if own == side} for side in (True, False)]
    return sorted(sides[0] & sides[1])
