"""A linear reading of vectors: logistic regression, of one class a row or of several, to the minimum.

Convention: minimises C · Σ loss + ½ |W|² over features standardised by the training rows, the bias is free; C is the
strength that data have against the penalty, as in scikit-learn. Several classes of a row are so many yes-or-no
questions, each with its own penalty.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from smalti.core import ParameterError
from smalti.evaluate.neighbours import standardised

_ROUNDS, _HISTORY = 400, 20


@dataclass(frozen=True, slots=True, eq=False)
class LinearReading:
    """Training and test rows, made ready once for fits of several strengths.

    Attributes:
        known, asked: standardised rows with a last column of ones, in as few dimensions as the training rows span.
        targets: of the training rows, 0…1.
        several: whether a row may have several classes.
    """

    known: Float[Tensor, "train input"]
    asked: Float[Tensor, "test input"]
    targets: Float[Tensor, "train class"]
    several: bool

    @classmethod
    def of(
        cls,
        train: Float[Tensor, "train feature"],
        targets: Float[Tensor, "train class"],
        test: Float[Tensor, "test feature"],
        *,
        several: bool = False,
    ) -> "LinearReading":
        """Make rows ready.

        Args:
            train, test: vectors, as they come from an encoder.
            targets: ones where a row has the class; of one class a row, exactly one of them.
            several: whether a row may have several classes, or none.
        Raises:
            ParameterError: with fewer than two classes to tell apart, or without training rows.
        """
        if len(train) == 0 or targets.shape[1] < (1 if several else 2):
            raise ParameterError(f"found {len(train)} rows of {targets.shape[1]} classes, wanted two classes or more")
        known, asked = standardised(train.double(), test.double())
        if len(known) < known.shape[1]:
            # the best weights are a sum of training rows, so nothing outside their span matters
            axes = torch.linalg.qr(known.T).Q
            known, asked = known @ axes, asked @ axes
        return cls(_with_bias(known), _with_bias(asked), targets.double(), several)

    @torch.enable_grad()
    def scores(self, strength: float, start: Tensor | None = None) -> "LinearFit":
        """Learn at one strength C and score the test rows.

        Args:
            strength: C.
            start: weights to begin at, such as those of a neighbouring strength; the end is the same.
        """
        width, classes = self.known.shape[1], self.targets.shape[1]
        begin = torch.zeros(width, classes).double() if start is None else start.clone()
        weights = begin.requires_grad_()
        optimiser = torch.optim.LBFGS(
            [weights],
            max_iter=_ROUNDS,
            history_size=_HISTORY,
            tolerance_grad=1e-6,
            tolerance_change=1e-10,
            line_search_fn="strong_wolfe",
        )

        def loss() -> Tensor:
            optimiser.zero_grad()
            value = self._loss(weights, strength)
            value.backward()
            return value

        optimiser.step(loss)
        found = weights.detach()
        said = self.asked @ found
        return LinearFit(found, (said.sigmoid() if self.several else said.softmax(1)).float())

    def path(self, strengths: Sequence[float]) -> list[Float[Tensor, "test class"]]:
        """Scores of the test rows at each strength, each fit begun where the one before it ended."""
        found: list[Tensor] = []
        start: Tensor | None = None
        for strength in strengths:
            fit = self.scores(strength, start)
            start = fit.weights
            found.append(fit.scores)
        return found

    def _loss(self, weights: Tensor, strength: float) -> Tensor:
        said = self.known @ weights
        if self.several:
            losses = functional.binary_cross_entropy_with_logits(said, self.targets, reduction="sum")
        else:
            losses = -(said.log_softmax(1) * self.targets).sum()
        penalty = weights[:-1].square().sum() / 2
        return (losses + penalty / strength) / len(said)


@dataclass(frozen=True, slots=True, eq=False)
class LinearFit:
    """What a fit gave: its weights, and how much of each class it finds in the test rows, 0…1."""

    weights: Float[Tensor, "input class"]
    scores: Float[Tensor, "test class"]


def _with_bias(rows: Tensor) -> Tensor:
    return torch.cat([rows, rows.new_ones(len(rows), 1)], dim=1)
