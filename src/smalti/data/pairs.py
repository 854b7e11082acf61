"""Which clips of a step belong together: takes of one label by different speakers, or varied copies of one clip.

A batch is rows, and each row says what it is of (`kinds`) and whom it may be compared with (`rounds`). With labels
"one" and "two", pairs of two takes, and triplets:

    pair      one one | two two         all in one round: the takes of the other label are the negatives
    triplet   one one two | two two one a round each: anchor, positive, one negative
    single    one | two                 a clip and nobody else
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch

from smalti.config import mix
from smalti.core import DataError
from smalti.data.batches import choose_clips, step_generator

Mode = Literal["pair", "triplet", "single"]
_SUBSET, _TAKES = 3, 4  # so that the choices of one step are independent


@dataclass(frozen=True, slots=True)
class Drawn:
    """Rows of a step.

    Attributes:
        clips: which one each row is.
        kinds: rows of one number belong together.
        rounds: rows are compared within their round only.
        copies: rows that are to be varied to be another take at all.
    """

    clips: list[int]
    kinds: list[int]
    rounds: list[int]
    copies: list[bool]


class Pairs:
    """Draws the rows of a step, a pure function of (seed, step)."""

    def __init__(
        self,
        labels: Sequence[str],
        *,
        speakers: Sequence[str] | None = None,
        mode: Mode = "pair",
        classes: int,
        takes: int = 2,
        subset: float = 1.0,
        seed: int = 0,
    ) -> None:
        """Sort clips by what they are of.

        Args:
            labels: of every clip; where each is its own only one, its takes are varied copies of it.
            speakers: of every clip; takes of a label then come from different ones in turn.
            mode: what a batch is made of.
            classes: different labels of a step, fewer if there are no more.
            takes: clips of each label in pairs.
            subset: share of the clips that an epoch knows.
            seed: of all choices.
        Raises:
            DataError: if there is no clip, or no second label to tell a first one from.
        """
        self._labels = sorted(set(labels))
        if not self._labels or (mode != "single" and len(self._labels) < 2):
            raise DataError(f"found {len(self._labels)} labels of clips to learn from, wanted 2; add recordings")
        self._members = {label: [clip for clip, name in enumerate(labels) if name == label] for label in self._labels}
        self._speakers = [""] * len(labels) if speakers is None else list(speakers)
        self._mode, self._takes, self._subset, self._seed = mode, takes, subset, seed
        self._classes = min(classes, len(self._labels))
        rows = self._classes * (takes if mode == "pair" else 1)
        self.steps_per_epoch = max(1, round(len(labels) * subset / rows))

    def draw(self, step: int) -> Drawn:
        """The rows of a step."""
        chosen = choose_clips(self._seed, step, batch=self._classes, clips=len(self._labels)).tolist()
        generator = step_generator(mix(self._seed, _TAKES), step)
        rows = [row for turn, kind in enumerate(chosen) for row in self._rows(turn, kind, step, generator)]
        return Drawn(*(list(column) for column in zip(*rows, strict=True)))

    def _rows(self, turn: int, kind: int, step: int, generator: torch.Generator) -> list[tuple[int, int, int, bool]]:
        """Clip, kind, round and whether it is a copy, of the rows of one label."""
        if self._mode == "single":
            return [(self._of(kind, 1, step, generator)[0], kind, turn, False)]
        if self._mode == "pair":
            return [(*row, 0, copy) for row, copy in self._together(kind, self._takes, step, generator)]
        others = len(self._labels) - 1
        negative = (kind + 1 + int(torch.randint(others, (), generator=generator))) % len(self._labels)
        rows = self._together(kind, 2, step, generator)
        rows.append(((self._of(negative, 1, step, generator)[0], negative), False))
        return [(*row, turn, copy) for row, copy in rows]

    def _together(
        self, kind: int, count: int, step: int, generator: torch.Generator
    ) -> list[tuple[tuple[int, int], bool]]:
        clips = self._of(kind, count, step, generator)
        return [((clip, kind), clip in clips[:row]) for row, clip in enumerate(clips)]

    def _of(self, kind: int, count: int, step: int, generator: torch.Generator) -> list[int]:
        """Clips of a label, of its speakers in turn; again from the beginning if there are too few."""
        known = self._known(kind, step)
        by_speaker: defaultdict[str, list[int]] = defaultdict(list)
        for place in torch.randperm(len(known), generator=generator).tolist():
            by_speaker[self._speakers[known[place]]].append(known[place])
        names = sorted(by_speaker)
        turns = [names[place] for place in torch.randperm(len(names), generator=generator).tolist()]
        longest = max(map(len, by_speaker.values()))
        order = [by_speaker[name][row] for row in range(longest) for name in turns if row < len(by_speaker[name])]
        return [order[row % len(order)] for row in range(count)]

    def _known(self, kind: int, step: int) -> list[int]:
        """Clips of a label that this epoch knows, at least one."""
        members = self._members[self._labels[kind]]
        if self._subset >= 1:
            return members
        epoch = step // self.steps_per_epoch
        generator = torch.Generator().manual_seed(mix(self._seed, epoch, _SUBSET, kind))
        kept = torch.rand(len(members), generator=generator) < self._subset
        return [clip for clip, keep in zip(members, kept.tolist(), strict=True) if keep] or members[:1]
