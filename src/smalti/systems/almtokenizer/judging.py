"""Judges of the codec's sound: which part of a step they hear, how often they learn, how loudly they speak."""

from collections.abc import Mapping
from typing import Any, Literal

import torch
from jaxtyping import Float, Int64
from pydantic import Field
from torch import Tensor

from smalti.config import mix
from smalti.data.batches import step_generator
from smalti.losses import ended, relative_feature_matching
from smalti.nn.mel_judges import MelJudges, MelJudgesConfig
from smalti.train import Adversary, Engine
from smalti.train.adversary import Pull

_HEAR = 3  # so that what judges hear is drawn apart from everything else of a step


class JudgeConfig(MelJudgesConfig):
    """Mel discriminators, none by default; from `start` on the codec also learns to please them."""

    kind: Literal["none", "mel"] = "none"
    start: int = Field(default=0, ge=0, description="the codec's step from which they learn and speak")
    every: int = Field(default=1, gt=0, description="they learn at each so-manyth step; published: d_train_prob, 1 / 3")
    seconds: float = Field(default=0.0, ge=0, description="of each crop that they hear, at a random place; 0 is all")
    learning_rate: float = Field(default=1e-4, gt=0, description="at its peak; published: lr_discriminator")
    betas: tuple[float, float] = Field(default=(0.5, 0.9), description="of their Adam")


class SoundAdversary:
    """The judges of a run. One sound of the codec serves both: `pull` before its update, `learn` behind it.

    What lies behind an item's end is silence for them in real and made sound alike, and so teaches them nothing.
    """

    def __init__(self, config: JudgeConfig, *, engine: Engine, sample_rate: int, seed: int, clip: float) -> None:
        """Build the judges.

        Args:
            config: of them.
            engine: where to compute.
            sample_rate: of what they hear, Hz.
            seed: of the run.
            clip: largest norm of their gradient.
        Raises:
            ParameterError: if their mel bands do not fit their transforms.
        """
        self._config, self._seed, self._rank = config, seed, engine.rank
        self._samples = round(config.seconds * sample_rate)
        judges = MelJudges(config, sample_rate=sample_rate)
        self.adversary = Adversary(
            judges,
            engine=engine,
            start=config.start,
            betas=config.betas,
            clip=clip,
            compare=relative_feature_matching,
        )

    def active(self, step: int) -> bool:
        """Whether they speak in a step of the codec."""
        return self.adversary.active(step)

    def learning(self, step: int) -> bool:
        """Whether they learn in it: at their first, and at each `every`-th from there."""
        return self.active(step) and (step - self._config.start) % self._config.every == 0

    def pull(
        self,
        step: int,
        *,
        made: Float[Tensor, "batch sample"],
        real: Float[Tensor, "batch sample"],
        lengths: Int64[Tensor, " batch"],
        features: bool = True,
    ) -> Pull:
        """What the codec has to mend.

        Args:
            step: of the codec.
            made: its sound, with its graph.
            real: what it should be.
            lengths: samples of each that are to be judged.
            features: whether somebody weighs the distance of what they hear within.
        """
        heard, wanted = self._heard(step, made, lengths), self._heard(step, real, lengths)
        return self.adversary.losses(heard, wanted if features else None)

    def learn(
        self,
        step: int,
        *,
        made: Float[Tensor, "batch sample"],
        real: Float[Tensor, "batch sample"],
        lengths: Int64[Tensor, " batch"],
        share: float,
    ) -> Mapping[str, float]:
        """One update of the judges from the same sounds, if they learn in this step.

        Args:
            step, made, real, lengths: as of `pull`.
            share: of their learning rate.
        """
        if not self.learning(step):
            return {}
        heard, wanted = self._heard(step, made.detach(), lengths), self._heard(step, real, lengths)
        return self.adversary.learn(heard, wanted, rate=share * self._config.learning_rate)

    def state_dict(self) -> Mapping[str, Any]:
        """Judges and their optimiser."""
        return self.adversary.state_dict()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from there."""
        self.adversary.load_state_dict(state)

    def _heard(self, step: int, sounds: Tensor, lengths: Tensor) -> Tensor:
        """The part of a step that is heard: the same of real and made sound, begun within each recording."""
        sounds = ended(sounds, lengths)
        if not 0 < self._samples < sounds.shape[1]:
            return sounds
        chances = torch.rand(len(sounds), generator=step_generator(mix(self._seed, _HEAR, self._rank), step))
        last = (lengths - self._samples).clamp(min=0)
        starts = (chances.to(sounds.device) * (last + 1)).long().clamp(max=sounds.shape[1] - self._samples)
        places = starts[:, None] + torch.arange(self._samples, device=sounds.device)
        return sounds.gather(1, places)
