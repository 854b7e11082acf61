"""What a step of melformer is shown: crops of recordings as frames, some noise in them, some of what is told left out.

Differs: the published frames are heard as they are; a model that has only ever heard true frames drifts when it hears
its own.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from smalti.core import Condition
from smalti.data.batches import choose_clips, step_generator
from smalti.data.mel_clips import MelClips
from smalti.data.waveforms import Piece, evenly
from smalti.nn.modulation import drop_fields
from smalti.systems.melformer.config import ShownConfig

_MOST_HELD_OUT = 128  # clips of an evaluation
_LONGEST = 4  # crops of a clip that an evaluation reads


@dataclass(frozen=True, slots=True)
class Crops:
    """What a step is shown; behind the end of a clip frames are NaN and the condition holds.

    Attributes:
        targets: what is to be guessed; NaN is not.
        inputs: what is heard: the same with some noise.
        labels, values: the fields of a Condition.
    """

    targets: Float[Tensor, "batch band frame"]
    inputs: Float[Tensor, "batch band frame"]
    labels: Int64[Tensor, "batch frame"]
    values: Float[Tensor, "batch frame parameter"]


class MelCrops:
    """Deals the crops of some clips out to steps and processes.

    Attributes:
        clips: where they come from.
        shown: how much a step sees.
        seed: of everything drawn.
    """

    def __init__(self, clips: MelClips, shown: ShownConfig, *, seed: int, turn: Callable[[int], int]):
        """Deal by turns: `turn` says which one a step is, as `Engine.turn` does where several processes train."""
        self.clips, self.shown, self.seed, self._turn = clips, shown, seed, turn

    def crops(self, step: int) -> Crops:
        """Random crops of the step's clips, the same whenever they are asked for."""
        generator = step_generator(self.seed, self._turn(step))
        chosen, hop = self._chosen(step), self.clips.picture.hop
        frames = min(self.shown.crop, max(piece.frames for piece in chosen))
        places = torch.rand(len(chosen), 2, generator=generator, dtype=torch.float64).tolist()
        cut: list[tuple[Tensor, Condition]] = []
        for piece, (place, late) in zip(chosen, places, strict=True):
            start = int(place * (max(piece.frames - frames, 0) + 1))
            cut.append(self.clips.crop(piece, start=start, frames=frames, late=int(late * hop)))
        targets = torch.stack([drawn for drawn, _ in cut])
        condition = Condition.joined([told for _, told in cut])
        condition = drop_fields(condition, rate=self.shown.condition_dropout, generator=generator)
        most = self.shown.corruption_db / self.clips.picture.range_db
        inputs = corrupt(targets, most=most, generator=generator)
        return Crops(targets, inputs, condition.labels, condition.values)

    def held_out(self) -> Iterator[Crops]:
        """Beginnings of clips kept out of training, evenly chosen and as they are; the last batch may be smaller."""
        clips = self.clips
        chosen = evenly(clips.held_out, _MOST_HELD_OUT)
        for at in range(0, len(chosen), self.shown.batch):
            longest = _LONGEST * self.shown.crop
            cut = [clips.beginning(clip, frames=longest) for clip in chosen[at : at + self.shown.batch]]
            frames = max(drawn.shape[1] for drawn, _ in cut)
            targets = torch.stack([_padded(drawn, frames) for drawn, _ in cut])
            held = [told.at(torch.arange(frames).clamp(max=told.labels.shape[1] - 1)) for _, told in cut]
            condition = Condition.joined(held)
            yield Crops(targets, targets, condition.labels, condition.values)

    def names(self, step: int) -> list[str]:
        """Where the clips of a step came from."""
        return [self.clips.path(piece.clip) for piece in self._chosen(step)]

    def _chosen(self, step: int) -> list[Piece]:
        training = self.clips.training
        rows = choose_clips(self.seed, self._turn(step), batch=self.shown.batch, clips=len(training))
        return [training[row] for row in rows.tolist()]


def corrupt(
    frames: Float[Tensor, "batch band frame"], *, most: float, generator: torch.Generator
) -> Float[Tensor, "batch band frame"]:
    """Add noise to every level: in each row of a deviation of its own, evenly between 0 and `most`; NaN stays."""
    deviations = most * torch.rand(frames.shape[0], 1, 1, generator=generator)
    return (frames + deviations * torch.randn(frames.shape, generator=generator)).clamp(0, 1)


def _padded(frames: Tensor, count: int) -> Tensor:
    return torch.nn.functional.pad(frames, (0, count - frames.shape[1]), value=float("nan"))
