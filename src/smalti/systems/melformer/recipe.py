"""How melformer learns: by how likely it held every next frame of crops, or by how far its one value was from it."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from smalti.core import Schema
from smalti.data.manifest import Manifest
from smalti.data.mel_clips import MelClips
from smalti.features import FrameGuess, MelSettings, find_picture, natural_log
from smalti.losses import frame_distance, frame_log_density
from smalti.nn.frame_lm import FrameTransformer
from smalti.store import Weights
from smalti.store.words import schema_to_words
from smalti.systems.melformer.config import MelformerConfig
from smalti.systems.melformer.model import build_melformer
from smalti.systems.melformer.shown import Crops, MelCrops
from smalti.train import Engine
from smalti.train.learner import Learner


class MelformerRecipe:
    """A `train.Recipe` for a manifest of recordings.

    Attributes:
        data: what is learnt from.
        learner: the model, its optimiser and its average.
    """

    def __init__(
        self,
        config: MelformerConfig,
        manifest: Manifest,
        *,
        schema: Schema | None = None,
        engine: Engine | None = None,
    ):
        """Build the model and lay out the recordings.

        Args:
            config: of the run.
            manifest: recordings with their splits, labels and parameters.
            schema: what the model can be told; that of the manifest unless given.
            engine: where to compute; by default what the settings say.
        Raises:
            DataError: if there is nothing to learn from.
            ParameterError: if the settings do not fit each other.
        """
        self.config, self.engine = config, engine or Engine(config.engine)
        self._picture = find_picture(config.model.picture)
        self.data = MelClips(manifest, self._picture, memory=config.shown.memory, schema=schema)
        self.learner = Learner(self._build, config.train, self.engine)
        self._crops = MelCrops(self.data, config.shown, seed=config.train.seed, turn=self.engine.turn)

    def batch(self, step: int) -> Crops:
        """Random crops of the step's clips, the same whenever they are asked for."""
        return self._crops.crops(step)

    def step(self, batch: Crops, step: int) -> Mapping[str, float]:
        """One update; `loss` is as in `evaluate`, of frames with noise in what is heard."""
        targets, inputs, labels, values = self.engine.move([batch.targets, batch.inputs, batch.labels, batch.values])
        found: list[Tensor] = []

        def loss(network: nn.Module) -> Tensor:
            found.append(self._loss(self._model.believed(network(inputs, labels, values)), targets))
            return found[-1]

        rate = self.learner.step(step, loss)
        return {"loss": float(found[-1].detach()), "learning_rate": rate}

    @torch.no_grad()
    def evaluate(self) -> Mapping[str, float]:
        """How wrong the averaged model is on clips kept out of training; nothing if there are none.

        `loss` of a mixture is in nats per band and frame, of densities per decibel; of a regression it is what it
        learns by. `mean_l1_db` is how far the mean of what is believed is from what came, in decibels.
        """
        totals: dict[str, float] = {}
        clips = 0
        for crops in self._crops.held_out():
            frames, labels, values = self.engine.move([crops.targets, crops.labels, crops.values])
            guess = self._model.believed(self.learner.average(frames, labels, values))
            for name, value in self._metrics(guess, frames).items():
                totals[name] = totals.get(name, 0.0) + len(frames) * value
            clips += len(frames)
        return {name: total / clips for name, total in totals.items()}

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
        """The averaged weights, with the schema."""
        return Weights(self.learner.tensors(), schema_to_words(self.data.schema))

    @property
    def _model(self) -> FrameTransformer:
        model = self.learner.model
        assert isinstance(model, FrameTransformer)
        return model

    def _build(self) -> FrameTransformer:
        """A fresh model that hears levels as deviations from what is usual in each band."""
        model = build_melformer(self.config, schema=self.data.schema)
        model.level, model.spread = self.data.levels()
        return model

    def _loss(self, guess: FrameGuess, targets: Float[Tensor, "batch band frame"]) -> Float[Tensor, ""]:
        if self.config.model.head == "regression":
            found, wanted = (natural_log(levels, self._picture) for levels in (guess.means[:, :, 0].mT, targets))
            return frame_distance(found, wanted)
        there = ~targets[:, 0].isnan()
        likely = frame_log_density(guess, targets, units=self._picture.range_db)
        return -likely.sum() / (there.sum() * targets.shape[1]).clamp(min=1)

    def _metrics(self, guess: FrameGuess, targets: Float[Tensor, "batch band frame"]) -> dict[str, float]:
        return {"loss": float(self._loss(guess, targets)), "mean_l1_db": _mean_l1_db(guess, targets, self._picture)}


def _mean_l1_db(guess: FrameGuess, targets: Float[Tensor, "batch band frame"], picture: MelSettings) -> float:
    mean = (guess.weights.softmax(-1)[..., None] * guess.means.clamp(0, 1)).sum(2).mT
    return picture.range_db * float((mean - targets).abs().nanmean())
