"""One network, its AdamW and its averaged weights: what most recipes need besides a loss."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from smalti.train.engine import Engine
from smalti.train.schedule import Schedule
from smalti.train.token_settings import TrainConfig
from smalti.train.update import set_rate, update


class Learner:
    """Steps a network down a loss and keeps an average of its weights.

    Attributes:
        model: being trained.
        average: its weights averaged, which is what is evaluated and kept; call it like the model.
        optimiser: AdamW; only matrices decay.
        rate: learning rate of each step.
    """

    def __init__(self, build: Callable[[], nn.Module], config: TrainConfig, engine: Engine):
        """Build the network from the run's seed, whatever torch's own state is."""
        self.config, self.engine = config, engine
        with torch.random.fork_rng():
            torch.manual_seed(config.seed)
            self.model = build()
        optimiser = torch.optim.AdamW(_groups(self.model, config.weight_decay), betas=(0.9, 0.95), fused=True)
        self._trained, self.optimiser = engine.setup(self.model, optimiser)
        self.average = AveragedModel(self.model, multi_avg_fn=get_ema_multi_avg_fn(config.average)).eval()
        rate = Schedule(peak=config.learning_rate, final=config.final_rate, warmup=config.warmup, shape="cosine")
        self.rate = rate.resolve(config.steps)

    def step(self, step: int, loss: Callable[[nn.Module], Tensor]) -> float:
        """One update down a loss, which is asked for with the network in training mode; gives the learning rate.

        A loss or gradient that is not finite changes nothing.
        """
        rate = self.rate.at(step)
        set_rate(self.optimiser, rate)
        self._trained.train()
        changed = update(
            loss(self._trained),
            parameters=self.model.parameters(),
            optimiser=self.optimiser,
            engine=self.engine,
            clip=self.config.clip,
        )
        if changed:
            self.average.update_parameters(self.model)
        return rate

    def state_dict(self) -> dict[str, Any]:
        """Model, optimiser and average."""
        parts = {"model": self.model, "optimiser": self.optimiser, "average": self.average}
        return {name: part.state_dict() for name, part in parts.items()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from there."""
        self.model.load_state_dict(state["model"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.average.load_state_dict(state["average"])

    def tensors(self) -> dict[str, Tensor]:
        """The averaged weights, by their names in the model."""
        return dict(self.average.module.state_dict())


def _groups(model: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    decayed = [weight for weight in model.parameters() if weight.ndim > 1]
    free = [weight for weight in model.parameters() if weight.ndim < 2]
    return [{"params": decayed, "weight_decay": weight_decay}, {"params": free, "weight_decay": 0.0}]
