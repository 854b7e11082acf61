"""How every causal token language model learns: cross-entropy of the next code of crops. Systems differ in the model.

Source: delay pattern and cross-entropy of arXiv:2306.05284.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn
from torch.nn import functional

from smalti.config import Settings
from smalti.core import Schema, TokenSpec
from smalti.data.token_clips import TokenClips
from smalti.nn.token_lm import TokenTransformer
from smalti.store import Weights
from smalti.store.words import from_words, to_words
from smalti.train.engine import Engine
from smalti.train.learner import Learner
from smalti.train.opening import open_net
from smalti.train.token_crops import Crops, TokenCrops
from smalti.train.token_settings import ShownConfig, TrainConfig

S = TypeVar("S", bound=Settings)
M = TypeVar("M", bound=nn.Module)


class NextCodeRecipe:
    """A `train.Recipe` for one or more token stores.

    Attributes:
        data: what is learnt from.
        learner: the model, its optimiser and its average.
    """

    def __init__(
        self,
        data: TokenClips,
        build: Callable[[], TokenTransformer],
        *,
        shown: ShownConfig,
        train: TrainConfig,
        engine: Engine,
    ):
        """Learn `build()` from the clips."""
        self.data, self.engine = data, engine
        self.learner = Learner(build, train, engine)
        self._crops = TokenCrops(data, shown, seed=train.seed, turn=engine.turn)

    def batch(self, step: int) -> Crops:
        """Random crops of the step's clips, the same whenever they are asked for."""
        return self._crops.crops(step)

    def step(self, batch: Crops, step: int) -> Mapping[str, float]:
        """One update; losses of each codebook, in nats per code."""
        targets, inputs, labels, values = self.engine.move([batch.targets, batch.inputs, batch.labels, batch.values])
        found: list[Tensor] = []

        def loss(network: nn.Module) -> Tensor:
            found.append(guess_losses(network(inputs, labels, values), targets))
            return found[0].mean()

        rate = self.learner.step(step, loss)
        return {**named(found[0].detach()), "learning_rate": rate}

    @torch.no_grad()
    def evaluate(self) -> Mapping[str, float]:
        """Losses of the averaged model on clips kept out of training; nothing if there are none."""
        found, clips = list[Tensor](), 0
        for crops in self._crops.held_out():
            codes, labels, values = self.engine.move([crops.targets, crops.labels, crops.values])
            found.append(len(codes) * guess_losses(self.learner.average(codes, labels, values), codes).cpu())
            clips += len(codes)
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


def guess_losses(
    logits: Float[Tensor, "batch codebook frame vocab"], targets: Int64[Tensor, "batch codebook frame"]
) -> Float[Tensor, " codebook"]:
    """Cross-entropy of each codebook in nats per code; blanks (code V) do not count."""
    found = functional.cross_entropy(
        logits.flatten(0, 2).float(), targets.flatten(), ignore_index=logits.shape[-1], reduction="none"
    )
    real = targets != logits.shape[-1]
    return found.view(targets.shape).sum((0, 2)) / real.sum((0, 2)).clamp(min=1)


def named(losses: Float[Tensor, " codebook"]) -> dict[str, float]:
    """Losses of codebooks as metrics: their mean, and each."""
    each = {f"loss_codebook_{i}": float(loss) for i, loss in enumerate(losses)}
    return {"loss": float(losses.mean()), **each}


def open_token_model(folder: Path, settings: type[S], build: Callable[[S, TokenSpec, Schema], M]) -> M:
    """Open a run of a token model: the kept weights, ready to be asked.

    Args:
        folder: the run.
        settings: the class of its settings.
        build: makes the model, of any weights.
    Raises:
        StoreError: if it is no run, has no weights yet, or they are damaged or of another model.
        ConfigError: if its config cannot be read.
    """
    return open_net(folder, settings, lambda config, weights: build(config, *from_words(weights.metadata)))[0]
