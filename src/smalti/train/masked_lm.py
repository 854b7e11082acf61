"""How every masked token model learns: some codes of a crop are blanked, and it guesses them from what is left.

Source: arXiv:2202.04200, section 3.1: the share blanked is cos(π r / 2) with r even between 0 and 1. Differs: what is
left may be random codes, as in every recipe of token models here.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor, nn

from smalti.data.batches import mix
from smalti.data.token_clips import TokenClips
from smalti.nn.masked_lm import MaskedTransformer
from smalti.store import Weights
from smalti.store.words import to_words
from smalti.train.engine import Engine
from smalti.train.learner import Learner
from smalti.train.token_crops import Crops, TokenCrops
from smalti.train.token_lm import guess_losses, named
from smalti.train.token_settings import ShownConfig, TrainConfig

_BLANKED = 3  # so that what is blanked is independent of order and crops of a step
_HELD_OUT = 1 << 40  # a step that no training reaches


@dataclass(frozen=True, slots=True)
class Gaps:
    """Crops with gaps.

    Attributes:
        targets: what is to be guessed, V elsewhere.
        inputs: what is heard, V where there is a gap, and behind a clip's end.
        labels, values: the fields of a Condition.
        frames: of each clip.
    """

    targets: Int64[Tensor, "batch codebook frame"]
    inputs: Int64[Tensor, "batch codebook frame"]
    labels: Int64[Tensor, "batch frame"]
    values: Float[Tensor, "batch frame parameter"]
    frames: Int64[Tensor, " batch"]


class MaskedRecipe:
    """A `train.Recipe` for one or more token stores.

    Attributes:
        data: what is learnt from.
        learner: the model, its optimiser and its average.
    """

    def __init__(
        self,
        data: TokenClips,
        build: Callable[[], MaskedTransformer],
        *,
        shown: ShownConfig,
        train: TrainConfig,
        engine: Engine,
    ):
        """Learn `build()` from the clips."""
        self.data, self.engine, self._seed = data, engine, train.seed
        self.learner = Learner(build, train, engine)
        self._crops = TokenCrops(data, shown, seed=train.seed, turn=engine.turn)

    def batch(self, step: int) -> Gaps:
        """Crops of the step's clips with random gaps, the same whenever they are asked for."""
        seed = mix(self._seed, self.engine.turn(step), _BLANKED)
        return self._with_gaps(self._crops.crops(step), torch.Generator().manual_seed(seed))

    def step(self, batch: Gaps, step: int) -> Mapping[str, float]:
        """One update; losses of each codebook, in nats per blanked code."""
        targets, *heard = self.engine.move([batch.targets, batch.inputs, batch.labels, batch.values, batch.frames])
        found: list[Tensor] = []

        def loss(network: nn.Module) -> Tensor:
            found.append(guess_losses(network(*heard), targets))
            return found[0].mean()

        rate = self.learner.step(step, loss)
        return {**named(found[0].detach()), "learning_rate": rate}

    @torch.no_grad()
    def evaluate(self) -> Mapping[str, float]:
        """Losses of the averaged model on clips kept out of training, always with the same gaps; nothing without."""
        found, clips = list[Tensor](), 0
        for number, crops in enumerate(self._crops.held_out(longest=1)):
            generator = torch.Generator().manual_seed(mix(self._seed, _HELD_OUT + number, _BLANKED))
            gaps = self._with_gaps(crops, generator)
            targets, *heard = self.engine.move([gaps.targets, gaps.inputs, gaps.labels, gaps.values, gaps.frames])
            found.append(len(targets) * guess_losses(self.learner.average(*heard), targets).cpu())
            clips += len(targets)
        return named(torch.stack(found).sum(0) / clips) if found else {}

    def clips(self, step: int) -> Sequence[str]:
        """Where the clips of a step came from."""
        return self._crops.names(step)

    def state_dict(self) -> Mapping[str, Any]:
        """Model, optimiser and average."""
        return self.learner.state_dict()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from there."""
        self.learner.load_state_dict(state)

    def weights(self) -> Weights:
        """The averaged weights, with spec and schema."""
        return Weights(self.learner.tensors(), to_words(self.data.spec, self.data.schema))

    def _with_gaps(self, crops: Crops, generator: torch.Generator) -> Gaps:
        vocab = self.data.spec.vocab
        real = crops.targets != vocab
        gaps = choose_gaps(real, generator=generator)
        targets = torch.where(gaps, crops.targets, vocab)
        inputs = torch.where(gaps, vocab, crops.inputs)
        return Gaps(targets, inputs, crops.labels, crops.values, real[:, 0].sum(1))


def choose_gaps(
    real: Bool[Tensor, "batch codebook frame"], *, generator: torch.Generator
) -> Bool[Tensor, "batch codebook frame"]:
    """Which codes of each item to blank: a share cos(π r / 2) of its real ones, r even in 0…1; at least one."""
    share = torch.rand(len(real), generator=generator, dtype=torch.float64).mul(math.pi / 2).cos()
    counts = (share * real.sum((1, 2))).ceil().long().clamp(min=1)
    return blank_most(torch.rand(real.shape, generator=generator), real, counts)


def blank_most(
    heights: Float[Tensor, "batch codebook frame"],
    real: Bool[Tensor, "batch codebook frame"],
    counts: Int64[Tensor, " batch"],
) -> Bool[Tensor, "batch codebook frame"]:
    """The `counts` highest real cells of each item."""
    ranks = heights.masked_fill(~real, -1).flatten(1).argsort(dim=1, descending=True).argsort(dim=1)
    return (ranks < counts[:, None]).view(real.shape) & real
