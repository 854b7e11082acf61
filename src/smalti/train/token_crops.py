"""What a step of a token model is shown: random crops of token clips, some codes and some of what is told taken away.

Source: crops of arXiv:2306.05284. Differs: input codes are corrupted and conditions dropped field by field, because
sounds are learnt from minutes of recordings, which a model soon knows by heart.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from smalti.core import Condition
from smalti.data.batches import choose_clips, choose_starts, step_generator
from smalti.data.token_clips import TokenClips
from smalti.nn.modulation import drop_fields
from smalti.train.token_settings import ShownConfig

_MOST_HELD_OUT = 128  # clips of an evaluation
_LONGEST = 4  # crops of a clip that an evaluation reads


@dataclass(frozen=True, slots=True)
class Crops:
    """What a step is shown; behind the end of a clip codes are blank and the condition holds.

    Attributes:
        targets: what is to be guessed; blanks are not.
        inputs: what is heard: the same with some codes replaced.
        labels, values: the fields of a Condition.
    """

    targets: Int64[Tensor, "batch codebook frame"]
    inputs: Int64[Tensor, "batch codebook frame"]
    labels: Int64[Tensor, "batch frame"]
    values: Float[Tensor, "batch frame parameter"]


class TokenCrops:
    """Deals the crops of some clips out to steps and processes.

    Attributes:
        clips: where they come from.
        shown: how much a step sees.
        seed: of everything drawn.
    """

    def __init__(self, clips: TokenClips, shown: ShownConfig, *, seed: int, turn: Callable[[int], int]):
        """Deal by turns: `turn` says which one a step is, as `Engine.turn` does where several processes train."""
        self.clips, self.shown, self.seed, self._turn = clips, shown, seed, turn

    def crops(self, step: int) -> Crops:
        """Random crops of the step's clips, the same whenever they are asked for."""
        turn, chosen = self._turn(step), self._chosen(step)
        starts = choose_starts(self.seed, turn, lengths=self.clips.frames[chosen], crop=self.shown.crop)
        targets, condition = self._cut(chosen, starts, self.shown.crop)
        generator = step_generator(self.seed, turn)
        condition = drop_fields(condition, rate=self.shown.condition_dropout, generator=generator)
        inputs = corrupt(targets, vocab=self.clips.spec.vocab, most=self.shown.corruption, generator=generator)
        return Crops(targets, inputs, condition.labels, condition.values)

    def held_out(self, *, longest: int = _LONGEST) -> Iterator[Crops]:
        """Beginnings of clips kept out of training, evenly chosen and as they are; the last batch may be smaller.

        Args:
            longest: most crops that fit into one of them.
        """
        held_out = self.clips.held_out
        chosen = held_out[torch.linspace(0, len(held_out) - 1, min(len(held_out), _MOST_HELD_OUT)).long()]
        for clips in chosen.split(self.shown.batch) if len(held_out) else ():
            targets, condition = self._cut(clips, torch.zeros_like(clips), longest * self.shown.crop)
            yield Crops(targets, targets, condition.labels, condition.values)

    def names(self, step: int) -> list[str]:
        """Where the clips of a step came from."""
        return [self.clips.path(int(clip)) for clip in self._chosen(step)]

    def _chosen(self, step: int) -> Int64[Tensor, " batch"]:
        training = self.clips.training
        return training[choose_clips(self.seed, self._turn(step), batch=self.shown.batch, clips=len(training))]

    def _cut(self, clips: Tensor, starts: Tensor, most: int) -> tuple[Tensor, Condition]:
        frames = min(most, int(self.clips.frames[clips].max()))
        targets = torch.full((len(clips), self.clips.spec.codebooks, frames), self.clips.spec.vocab)
        told: list[Condition] = []
        for row, (clip, start) in enumerate(zip(clips.tolist(), starts.tolist(), strict=True)):
            codes = self.clips.codes(clip)[:, start : start + frames]
            targets[row, :, : codes.shape[1]] = codes
            told.append(self.clips.condition(clip, start=start, frames=frames))
        return targets, Condition.joined(told)


def corrupt(
    codes: Int64[Tensor, "batch codebook frame"], *, vocab: int, most: float, generator: torch.Generator
) -> Int64[Tensor, "batch codebook frame"]:
    """Replace codes by random ones: in each row a share of its own, evenly between 0 and `most`; blanks stay."""
    shares = most * torch.rand(codes.shape[0], 1, 1, generator=generator)
    hit = (torch.rand(codes.shape, generator=generator) < shares) & (codes != vocab)
    return torch.where(hit, torch.randint(vocab, codes.shape, generator=generator), codes)
