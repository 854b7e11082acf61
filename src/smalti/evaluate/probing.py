"""What an encoder's vectors say of classes that it was never told: a linear reading, and the nearest neighbours.

Conventions: the linear reading's strength C is chosen on a validation part of the training rows, whole groups at a
time, and learnt again on all of them; each seed draws another such part, and a figure is its mean over seeds and over
parts (folds). Neighbours need no choice: 10 of them vote. An interval is where 95 % of the figures lie when the groups
of test rows are drawn again with replacement: how far the choice of test recordings could have moved it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from smalti.core import ParameterError
from smalti.evaluate.linear_probe import LinearReading
from smalti.evaluate.neighbours import NEIGHBOURS, neighbour_shares
from smalti.evaluate.splits import Split, grouped_split
from smalti.evaluate.weighted_scores import weighted_accuracy, weighted_area, weighted_precision
from smalti.nn.threads import spread

VOTERS = 10
_Score = Callable[[Tensor, Tensor, Tensor], Tensor]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeSettings:
    """How vectors are asked.

    Attributes:
        several: whether a row may have several classes: scores are mAP and area then, else accuracy.
        strengths: values of C to choose from, ascending.
        seeds: validation parts that are drawn.
        seed: of the first of them, and of the intervals.
        share: 0…1 of the training rows, for validation.
        draws: of test groups, for the intervals.
    """

    several: bool = False
    strengths: tuple[float, ...] = (0.001, 0.01, 0.1, 1.0, 10.0)
    seeds: int = 5
    seed: int = 0
    share: float = 0.2
    draws: int = 1000

    def __post_init__(self) -> None:
        if not self.strengths or min(self.strengths) <= 0 or self.seeds < 1 or not 0 < self.share < 1:
            raise ParameterError(
                f"found strengths {list(self.strengths)}, {self.seeds} seeds and a share of {self.share:g}, "
                "wanted strengths above 0, a seed or more, and a share between 0 and 1"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A score of the test rows, 0…1, with its interval; NaN where there are not two groups to draw from."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeFigures:
    """What was found.

    Attributes:
        linear: accuracy, or mAP of several classes a row.
        knn: the same of the neighbours' vote, by their number.
        linear_area, knn_area: of several classes a row; of `VOTERS` neighbours.
        chosen: C of each seed, of each part.
        by_seed: the linear figure of each seed.
    """

    linear: Figure
    knn: dict[int, Figure]
    linear_area: Figure | None
    knn_area: Figure | None
    chosen: list[list[float]]
    by_seed: list[float]


@dataclass(frozen=True, slots=True, eq=False)
class Question:
    """What is asked of vectors: the classes of rows, where rows come from, and which are learnt from.

    Attributes:
        truth: which classes each row has.
        groups: where each comes from.
        parts: rows to learn from and rows to be asked about, one pair or one for each fold.
        validation: of each part and seed, positions in its training rows to learn from and to choose C by.
    """

    truth: Bool[Tensor, "row class"]
    groups: list[str]
    parts: Sequence[Split]
    validation: Sequence[Sequence[Split]]

    @classmethod
    def of(
        cls, truth: Bool[Tensor, "row class"], groups: list[str], parts: Sequence[Split], settings: ProbeSettings
    ) -> "Question":
        """Draw the validation parts.

        Raises:
            ParameterError: if there is nothing to tell apart, or no group of training rows can be held out; says why.
        """
        known = truth[:, truth.any(0)].shape[1]
        if known < 2 and not settings.several:
            raise ParameterError(f"found {known} class among {len(truth)} rows, wanted two or more; name other rows")
        drawn = [_validation(truth, groups, part.train, settings) for part in parts]
        return cls(truth, groups, parts, drawn)


@torch.no_grad()
def ask(features: Float[Tensor, "row feature"], question: Question, settings: ProbeSettings) -> ProbeFigures:
    """Read the classes of test rows from vectors.

    Args:
        features: of each row of the question, finite, as they come from an encoder.
        question: what is asked.
        settings: how.
    Raises:
        ParameterError: if a feature is NaN or Inf.
    """
    if not bool(torch.isfinite(features).all()):
        raise ParameterError("found NaN or Inf among the vectors, wanted finite ones; look at the encoder")
    parts, weights = question.parts, _weights(question, settings)
    linear, chosen, votes = list[list[Tensor]](), list[list[float]](), list[dict[int, Tensor]]()
    for part, validation in zip(parts, question.validation, strict=True):
        train, test = features[part.train], features[part.test]
        targets = question.truth[part.train].float()
        strengths = list(spread(partial(_chosen, train, targets, settings), validation))
        reading, tried = LinearReading.of(train, targets, test, several=settings.several), sorted(set(strengths))
        fits = dict(zip(tried, (fit.scores for fit in spread(reading.scores, tried)), strict=True))
        linear.append([fits[strength] for strength in strengths])
        chosen.append(strengths)
        votes.append(neighbour_shares(train, targets, test))
    by_seed = [list(scores) for scores in zip(*linear, strict=True)]

    def figure(scores: Sequence[Sequence[Tensor]], score: _Score) -> Figure:
        """Of each seed's scores of each part."""
        return _figure(torch.stack([_mean(one, question, weights, score) for one in scores]).mean(0))

    main = weighted_precision if settings.several else weighted_accuracy
    voted = [one[VOTERS] for one in votes]
    return ProbeFigures(
        linear=figure(by_seed, main),
        knn={count: figure([[one[count] for one in votes]], main) for count in NEIGHBOURS},
        linear_area=figure(by_seed, weighted_area) if settings.several else None,
        knn_area=figure([voted], weighted_area) if settings.several else None,
        chosen=chosen,
        by_seed=[float(_mean(one, question, weights, main)[0]) for one in by_seed],
    )


def _mean(scores: Sequence[Tensor], question: Question, weights: Tensor, score: _Score) -> Float[Tensor, " draw"]:
    """A score, mean over parts."""
    found = [
        score(one, question.truth[part.test], weights[:, part.test])
        for one, part in zip(scores, question.parts, strict=True)
    ]
    return torch.stack(found).nanmean(0)


def _figure(draws: Float[Tensor, " draw"]) -> Figure:
    """The first is of the rows as they are, the others are drawn."""
    ends = draws[1:].nanquantile(torch.tensor([0.025, 0.975], dtype=draws.dtype)) if len(draws) > 1 else None
    low, high = (float("nan"),) * 2 if ends is None else ends.tolist()
    return Figure(value=float(draws[0]), low=low, high=high)


def _weights(question: Question, settings: ProbeSettings) -> Float[Tensor, "draw row"]:
    """How often each row counts: once, and in each draw as often as its group is drawn."""
    places = {group: place for place, group in enumerate(dict.fromkeys(question.groups))}
    owner = torch.tensor([places[group] for group in question.groups])
    tested = torch.tensor(sorted({places[question.groups[row]] for part in question.parts for row in part.test}))
    once = torch.ones(1, len(owner)).double()
    if len(tested) < 2:
        return once
    generator = torch.Generator().manual_seed(settings.seed)
    drawn = tested[torch.randint(len(tested), (settings.draws, len(tested)), generator=generator)]
    counts = torch.zeros(settings.draws, len(places)).double().scatter_add_(1, drawn, torch.ones_like(drawn).double())
    return torch.cat([once, counts[:, owner]])


def _chosen(train: Tensor, targets: Tensor, settings: ProbeSettings, split: Split) -> float:
    """The strength that finds most in the validation rows; of equal ones the smallest."""
    reading = LinearReading.of(train[split.train], targets[split.train], train[split.test], several=settings.several)
    score, truth = weighted_precision if settings.several else weighted_accuracy, targets[split.test] > 0
    ones = torch.ones(1, len(truth)).double()
    found = [float(score(scores, truth, ones)) for scores in reading.path(settings.strengths)]
    best = max(range(len(found)), key=lambda place: (np.nan_to_num(found[place], nan=-1.0), -place))
    return settings.strengths[best]


def _validation(truth: Tensor, groups: list[str], train: np.ndarray, settings: ProbeSettings) -> list[Split]:
    """Whole groups for validation; where there are too few of them, recordings."""
    rows = train.tolist()
    # a row of several classes is drawn as if of none, or rare combinations could not be held out
    labels = ["" if settings.several else str(int(truth[row].int().argmax())) for row in rows]
    for owners in ([groups[row] for row in rows], [str(row) for row in rows]):
        try:
            seeds = range(settings.seed, settings.seed + settings.seeds)
            return [grouped_split(labels, owners, share=settings.share, seed=seed) for seed in seeds]
        except ParameterError as error:
            refusal = error
    raise ParameterError(f"found too few training rows to choose a strength by: {refusal}")
