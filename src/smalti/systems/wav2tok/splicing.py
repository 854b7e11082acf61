"""Made-up words: the beginning of one label continued by the end of another, in every take of it.

A few labels can be told apart by anything; their beginnings and ends in all combinations only by what is said where.
So tokens come to name what is heard at a place, which is what words that were never learnt are made of as well.
"""

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from smalti.systems.wav2tok.variety import Varied, stacked

_EARLIEST, _LATEST = 0.3, 0.7  # of both clips, where one ends and the other goes on


def spliced(rows: Varied, share: float, speakers: Sequence[str], generator: torch.Generator) -> Varied:
    """The same takes with some kinds made up, whose numbers are then negative.

    Args:
        rows: one round of takes of several kinds.
        share: of the kinds that are continued by another one.
        speakers: of each row; each take is continued by its own speaker, if the other kind has one by that.
        generator: of all choices.
    """
    takes: dict[int, list[int]] = {}
    for row, kind in enumerate(rows.drawn.kinds):
        takes.setdefault(kind, []).append(row)
    frames = [row[:length] for row, length in zip(rows.frames, rows.lengths.tolist(), strict=True)]
    found, kinds, names = list(frames), list(rows.drawn.kinds), sorted(takes)
    for kind in names:
        chance, where, which = torch.rand(3, generator=generator, dtype=torch.float64).tolist()
        other = names[int(which * len(names))]
        if chance >= share or other == kind:
            continue
        cut = _EARLIEST + (_LATEST - _EARLIEST) * where
        for turn, row in enumerate(takes[kind]):
            end = _of_speaker(takes[other], turn, speakers, speakers[row])
            found[row] = _joined(frames[row], frames[end], cut)
            kinds[row] = -1 - kind
    return replace(stacked(rows, found), drawn=replace(rows.drawn, kinds=kinds))


def _of_speaker(rows: Sequence[int], turn: int, speakers: Sequence[str], speaker: str) -> int:
    own = [row for row in rows if speakers[row] == speaker] or rows
    return own[turn % len(own)]


def _joined(first: Tensor, second: Tensor, cut: float) -> Tensor:
    return torch.cat([first[: max(1, int(cut * len(first)))], second[int(cut * len(second)) :]])
