"""The one adversarial step: a judge with an optimiser of its own, which any recipe can turn against what it makes.

A recipe makes its things once a step, adds `losses` of them to its own, updates itself, and lets the judge `learn` from
the same things. Through `losses` no gradient reaches the judge, and through `learn` none reaches the maker.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from smalti.losses import (
    feature_matching,
    hinge_discriminator,
    hinge_generator,
    least_squares_discriminator,
    least_squares_generator,
)
from smalti.nn.verdict import Verdict
from smalti.train.engine import Engine
from smalti.train.update import set_rate, update

FeatureDistance = Callable[[Sequence[Sequence[Tensor]], Sequence[Sequence[Tensor]]], Tensor]


@dataclass(frozen=True, slots=True)
class Contest:
    """What a judge and a maker want of the judge's scores.

    Attributes:
        judge: its loss, of scores of real things and of made ones.
        maker: its loss, of scores of what it made.
    """

    judge: Callable[[Sequence[Tensor], Sequence[Tensor]], Tensor]
    maker: Callable[[Sequence[Tensor]], Tensor]


HINGE = Contest(hinge_discriminator, hinge_generator)
LEAST_SQUARES = Contest(least_squares_discriminator, least_squares_generator)


@dataclass(frozen=True, slots=True)
class Pull:
    """How a judge pulls at what was made.

    Attributes:
        adversarial: loss of the maker.
        features: distance of what the judge hears in made and in real things; 0 if it was not shown real ones.
    """

    adversarial: Tensor
    features: Tensor


class Adversary:
    """A discriminator that learns beside a maker.

    Attributes:
        discriminator: gives a list of `Verdict` for a batch of things.
        optimiser: its own.
    """

    def __init__(
        self,
        discriminator: nn.Module,
        *,
        engine: Engine,
        start: int = 0,
        betas: tuple[float, float] = (0.5, 0.9),
        clip: float | None = None,
        compare: FeatureDistance = feature_matching,
        contest: Contest = HINGE,
        weight_decay: float = 0.0,
    ) -> None:
        """Set the judge up.

        Args:
            discriminator: of what is made; must not mix the items of a batch, as batch norms do, for real and made
                things are judged in one pass.
            engine: where to compute.
            start: the maker's step from which it learns and speaks.
            betas: of its Adam.
            clip: largest norm of its gradient.
            compare: how far apart what it hears in real things (first) and in made ones is.
            contest: what is wanted of its scores.
            weight_decay: of its Adam.
        """
        self.discriminator, self._engine, self.start, self._clip = discriminator, engine, start, clip
        self._compare, self._contest = compare, contest
        optimiser = torch.optim.AdamW(discriminator.parameters(), betas=betas, weight_decay=weight_decay)
        self._trained, self.optimiser = engine.setup(discriminator, optimiser)

    def active(self, step: int) -> bool:
        """Whether it takes part in a step of the maker."""
        return step >= self.start

    def losses(self, made: Tensor, real: Tensor | None) -> Pull:
        """What the maker has to mend; the judge is frozen and, in several processes, asked without being kept equal.

        Args:
            made: things with their graph.
            real: the same as they should be; None where nobody weighs the features, which saves a pass.
        """
        self.discriminator.train()
        self.discriminator.requires_grad_(False)
        features = made.new_zeros(())
        try:
            with self._engine.autocast():
                told = _full(self.discriminator(made))
                if real is not None:
                    with torch.no_grad():
                        wanted = _full(self.discriminator(real))
                    features = self._compare(*([verdict.features for verdict in each] for each in (wanted, told)))
        finally:
            self.discriminator.requires_grad_(True)
        return Pull(self._contest.maker([verdict.score for verdict in told]), features)

    def learn(self, made: Tensor, real: Tensor, *, rate: float) -> Mapping[str, float]:
        """One update of the judge; its loss, and its mean scores of real and made things."""
        set_rate(self.optimiser, rate)
        self._trained.train()
        verdicts: Sequence[Verdict] = self._trained(torch.cat([real, made.detach()]))
        good, bad = ([verdict.score.float().split(len(real))[side] for verdict in verdicts] for side in (0, 1))
        loss = self._contest.judge(good, bad)
        update(
            loss,
            parameters=self.discriminator.parameters(),
            optimiser=self.optimiser,
            engine=self._engine,
            clip=self._clip,
        )
        scores = {"logits_real": good, "logits_made": bad}
        means = {name: float(torch.stack([s.detach().mean() for s in each]).mean()) for name, each in scores.items()}
        return {"discriminator": float(loss.detach()), **means}

    def state_dict(self) -> Mapping[str, Any]:
        """Judge and optimiser."""
        return {"discriminator": self.discriminator.state_dict(), "optimiser": self.optimiser.state_dict()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from there."""
        self.discriminator.load_state_dict(state["discriminator"])
        self.optimiser.load_state_dict(state["optimiser"])


def _full(verdicts: Sequence[Verdict]) -> list[Verdict]:
    """In full precision, as the engine gives them when it calls a net itself."""
    return [Verdict(v.score.float(), tuple(feature.float() for feature in v.features)) for v in verdicts]
