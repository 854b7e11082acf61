"""How MATPAC learns: guess what the teacher heard where the student saw nothing, and which prototype that was.

Source: Quelennec et al. 2025 (MATPAC, arXiv:2502.12031; MATPAC++, arXiv:2508.12709).
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from smalti.data.manifest import Manifest
from smalti.store import Weights
from smalti.systems.matpac.clips import Crops, LogMelClips
from smalti.systems.matpac.config import MatpacConfig
from smalti.systems.matpac.encoder import MatpacEncoder
from smalti.systems.matpac.held_out import held_out_crops, online_accuracy
from smalti.systems.matpac.learning import LearningNet, Learnt
from smalti.systems.matpac.masking import shown_tokens
from smalti.systems.matpac.monitor import CollapseAlarm, collapse_signs
from smalti.systems.matpac.net import EncoderNet
from smalti.systems.matpac.plan import resolve
from smalti.train import Engine, Muon, set_rate, update


class MatpacRecipe:
    """A `train.Recipe` for a manifest of recordings, or for waveforms in memory. Labels are not learnt from.

    Attributes:
        learning: all that is being trained, and the teacher.
        net: the encoder in it, which is kept.
        clips_of: what it learns from.
        schedule: the run in steps.
    """

    def __init__(
        self,
        config: MatpacConfig,
        source: Manifest | Sequence[Float[Tensor, " _"]],
        *,
        held_out: int = 0,
        engine: Engine | None = None,
    ) -> None:
        """Build the net and lay out the recordings.

        Args:
            config: of the run.
            source: recordings with their splits, or waveforms at the model's rate.
            held_out: how many of the waveforms, the last ones, are kept out of training.
            engine: where to compute; by default what the settings say.
        Raises:
            DataError: if there is nothing to learn from.
        """
        self.config, self.engine, train = config, engine or Engine(config.engine), config.train
        with torch.random.fork_rng():
            torch.manual_seed(train.seed)
            self.learning = LearningNet(config, total=self.engine.total)
        self.net = self.learning.student
        self._trained, self.optimiser = self.engine.setup(self.learning, _optimiser(config, self.learning))
        self.clips_of = LogMelClips(
            source, model=config.model, train=train, vary=config.vary, held_out_waveforms=held_out
        )
        self.schedule = resolve(config, samples=len(self.clips_of.training), devices=self.engine.world)
        self._shown = shown_tokens(self.clips_of.tokens, mask=train.mask)
        self._alarm = CollapseAlarm(config.prototypes.prototypes)

    @property
    def steps(self) -> int:
        """Of the whole run."""
        return self.schedule.steps

    def plan(self) -> Mapping[str, str]:
        """The run's schedules in steps."""
        return self.schedule.table()

    def encoder(self) -> MatpacEncoder:
        """The encoder as it is now; training goes on with the same weights."""
        self.learning.eval()
        return MatpacEncoder(self.net)

    def batch(self, step: int) -> Crops:
        """Random crops and what is hidden of them, the same whenever they are asked for."""
        return self.clips_of.crops(step, rank=self.engine.rank, world=self.engine.world)

    def step(self, batch: Crops, step: int) -> Mapping[str, float]:
        """One update of student, predictor and prototypes; then the teacher and the centre follow."""
        train, plan = self.config.train, self.schedule
        if step == 0:
            self._measure()
        rate = plan.rate.at(step)
        set_rate(self.optimiser, rate)
        self._trained.train()
        learnt = self._pass(batch, step)
        loss = self._loss(learnt)
        before = self.config.teacher.follows == "before"
        if before and step:
            self._follow(step)
        weights = self.learning.learning()
        if update(loss, parameters=weights, optimiser=self.optimiser, engine=self.engine, clip=train.clip):
            if not before:
                self._follow(step)
            self.learning.recentre(learnt)
        found = {"loss": loss.detach(), "prediction": learnt.prediction, "classification": learnt.classification}
        return {
            **{name: float(value.detach()) for name, value in found.items()},
            **self._signs(learnt, step),
            "learning_rate": rate,
        }

    @torch.no_grad()
    def evaluate(self) -> Mapping[str, float]:
        """Losses on recordings kept out of training, and how often their nearest neighbours in it have their label."""
        crops = held_out_crops(self.clips_of, self.config.train)
        self.learning.eval()
        losses = {} if crops is None else self._told(self._pass(crops, self.schedule.steps - 1))
        return {**losses, **online_accuracy(self.net, self.clips_of, self.config.train)}

    def clips(self, step: int) -> Sequence[str]:
        """Names of the recordings of a step."""
        return self.clips_of.names(step, rank=self.engine.rank, world=self.engine.world)

    def state_dict(self) -> Mapping[str, Any]:
        """Student and teacher, predictor, prototypes, centre, and the optimiser."""
        return {"model": self.learning.state_dict(), "optimiser": self.optimiser.state_dict()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from there."""
        self.learning.load_state_dict(state["model"])
        self.optimiser.load_state_dict(state["optimiser"])

    def weights(self) -> Weights:
        """The student's encoder, with what its log-mels are normalised by."""
        return Weights(self.net.state_dict(), {"system": self.config.system})

    def _measure(self) -> None:
        """What log-mels are normalised by is measured once, on all that is learnt from."""
        mean, deviation = self.clips_of.statistics()
        measured = torch.tensor([mean, deviation], device=self.net.statistics.device)
        for net in (self.net, self.learning.teacher):
            if isinstance(net, EncoderNet):
                net.statistics.copy_(measured)

    def _pass(self, batch: Crops, step: int) -> Learnt:
        plan, several = self.schedule, self.config.choices.heads > 1
        picture, order = self.engine.move([batch.picture, batch.order])
        return self._trained(
            picture,
            order,
            shown=self._shown,
            teacher_temperature=plan.teacher_temperature.at(step),
            choice_temperature=plan.choice.at(step) if several else 0.0,
        )

    def _loss(self, learnt: Learnt) -> Tensor:
        train = self.config.train
        return train.prediction * learnt.prediction + train.classification * learnt.classification

    def _told(self, learnt: Learnt) -> dict[str, float]:
        losses = {"loss": self._loss(learnt), "prediction": learnt.prediction, "classification": learnt.classification}
        return {name: float(loss.detach()) for name, loss in losses.items()}

    def _follow(self, step: int) -> None:
        plan = self.schedule
        self.learning.follow(decay=plan.decay.at(step), head_decay=plan.head_decay.at(step))

    def _signs(self, learnt: Learnt, step: int) -> dict[str, float]:
        """Of the steps whose metrics are kept."""
        if (step + 1) % self.config.cadence.log and step + 1 != self.schedule.steps:
            return {}
        choices = max(self.config.choices.heads, 1)
        signs = collapse_signs(learnt, choices=choices, total=self.engine.total)
        self._alarm.hear(step, signs)
        told = {"choice_temperature": self.schedule.choice.at(step)} if choices > 1 else {}
        return {**signs, **told}


def _optimiser(config: MatpacConfig, learning: LearningNet) -> torch.optim.Optimizer:
    train = config.train
    weights = {name: weight for name, weight in learning.named_parameters() if weight.requires_grad}
    inner = [weight for name, weight in weights.items() if ".blocks." in name and weight.ndim == 2]
    if train.matrix_rate:
        decay = train.weight_decay
        return Muon(inner, weights.values(), betas=train.betas, weight_decay=decay, matrix_rate=train.matrix_rate)
    decayed = [weight for weight in weights.values() if weight.ndim > 1 or train.decays == "all"]
    free = [weight for weight in weights.values() if weight.ndim < 2 and train.decays != "all"]
    groups: list[dict[str, Any]] = [{"params": decayed, "weight_decay": train.weight_decay}]
    groups += [{"params": free, "weight_decay": 0.0}] if free else []
    return torch.optim.AdamW(groups, betas=train.betas, eps=train.epsilon, fused=True)
