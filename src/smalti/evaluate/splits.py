"""Training and test rows for probes: a group is on one side only, and every class on both."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int64

from smalti.core import ParameterError


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """Rows to learn from and rows to be asked about.

    Attributes:
        train, test: positions, ascending.
    """

    train: Int64[np.ndarray, " train"]
    test: Int64[np.ndarray, " test"]


def learnable(labels: Sequence[str], groups: Sequence[str]) -> list[str]:
    """Classes that can be learnt from one group and found again in another: those of two groups or more, sorted."""
    owners: dict[str, set[str]] = defaultdict(set)
    for label, group in zip(labels, groups, strict=True):
        owners[label].add(group)
    return sorted(label for label, own in owners.items() if len(own) > 1)


def grouped_split(labels: Sequence[str], groups: Sequence[str], *, share: float = 0.2, seed: int = 0) -> Split:
    """Hold out about a share of the rows of each class, whole groups at a time.

    Each class of two groups or more is in the training rows, and wherever groups of several classes allow it in the
    test rows. The rarest classes choose first.

    Args:
        labels, groups: of each row.
        share: 0…1 of the rows.
        seed: of the order in which groups are taken.
    Raises:
        ParameterError: if no group can be held out: one group, or classes of one group each.
    """
    members: dict[str, Counter[str]] = defaultdict(Counter)
    classes: dict[str, set[str]] = defaultdict(set)
    for label, group in zip(labels, groups, strict=True):
        members[label][group] += 1
        classes[group].add(label)
    order = np.random.default_rng(seed).permutation(sorted(classes)).tolist()
    held, decided = set[str](), set[str]()
    for label in sorted(members, key=lambda name: (len(members[name]), name)):
        sizes = members[label]
        for group in (one for one in order if one in sizes and one not in decided):
            have = sum(rows for one, rows in sizes.items() if one in held)
            wanted = not have or have + sizes[group] / 2 <= share * sizes.total()
            if wanted and all(len(members[name].keys() - held) > 1 for name in classes[group]):
                held.add(group)
            decided.add(group)
    if not held:
        raise ParameterError(
            f"found {len(classes)} groups of {len(members)} classes and none that can be held out; "
            "give more groups of each class, or name a finer column of groups"
        )
    inside = np.array([group in held for group in groups])
    return Split(np.flatnonzero(~inside), np.flatnonzero(inside))
