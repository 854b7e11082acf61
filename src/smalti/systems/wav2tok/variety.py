"""What a step does to its clips before they are heard: other ends, other voices and rooms, other lengths."""

from dataclasses import dataclass, replace

import torch
from jaxtyping import Float, Int64
from torch import Tensor
from torch.nn import functional

from smalti.data.augmentation import augment_frames
from smalti.data.pairs import Drawn
from smalti.systems.wav2tok.config import VaryConfig
from smalti.systems.wav2tok.fronts import FrontEnd

_SEEDS = 1 << 62


@dataclass(frozen=True, slots=True)
class Varied:
    """Frames of the rows of a step, how many each has, and what belongs together."""

    frames: Float[Tensor, "batch frame bin"]
    lengths: Int64[Tensor, " batch"]
    drawn: Drawn


def vary(rows: Varied, config: VaryConfig, front: FrontEnd, *, same_length: bool, generator: torch.Generator) -> Varied:
    """The rows as one step hears them.

    Args:
        rows: as they were recorded.
        config: how much they are varied.
        front: whose frames they are.
        same_length: stretch all to their mean length.
        generator: of all choices.
    """
    seeds = torch.randint(_SEEDS, (len(rows.lengths),), generator=generator).tolist()
    cut = _without_ends(rows, config.edges, generator)
    frames, lengths = augment_frames(cut.frames, cut.lengths, config, picture=front.picture, seeds=seeds)
    if not config.all:
        frames, lengths = _only(torch.tensor(rows.drawn.copies), (frames, lengths), (rows.frames, rows.lengths))
    found = replace(rows, frames=frames, lengths=lengths)
    return _at_one_length(found) if same_length else found


def stacked(rows: Varied, frames: list[Tensor]) -> Varied:
    """The rows with other frames."""
    lengths = torch.tensor([len(row) for row in frames])
    return replace(rows, frames=torch.nn.utils.rnn.pad_sequence(frames, batch_first=True), lengths=lengths)


def _without_ends(rows: Varied, most: float, generator: torch.Generator) -> Varied:
    """Up to a share of each row less at either end."""
    if not most:
        return rows
    draws = torch.rand(len(rows.lengths), 2, generator=generator)
    first, last = (most * draws * rows.lengths[:, None]).long().unbind(dim=1)
    return stacked(rows, [row[a : n - b] for row, n, a, b in zip(rows.frames, rows.lengths, first, last, strict=True)])


def _at_one_length(rows: Varied) -> Varied:
    wanted = round(float(rows.lengths.double().mean()))
    found = [
        functional.interpolate(row[None, :length].mT, size=wanted, mode="linear", align_corners=True)[0].T
        for row, length in zip(rows.frames, rows.lengths.tolist(), strict=True)
    ]
    return stacked(rows, found)


def _only(chosen: Tensor, new: tuple[Tensor, Tensor], old: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    """The new rows where they are chosen, the old ones elsewhere."""
    most = max(new[0].shape[1], old[0].shape[1])
    first, second = (functional.pad(one, (0, 0, 0, most - one.shape[1])) for one in (new[0], old[0]))
    return torch.where(chosen[:, None, None], first, second), torch.where(chosen, new[1], old[1])
