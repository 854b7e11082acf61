"""A small judge of labels: multinomial logistic regression on clip statistics, trained in about a second."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from smalti.core import ParameterError

_SMALLEST_SPREAD = 0.01
_FARTHEST = 4.0
_DECAY = 1e-3


@dataclass(frozen=True, slots=True, eq=False)
class LabelClassifier:
    """What `fit_classifier` learnt.

    Attributes:
        labels: names, in the order of the columns of `weights`.
        centre, spread: of each feature over the training clips.
        weights: of the standardised features and, in the last row, the bias.
    """

    labels: tuple[str, ...]
    centre: Float[Tensor, " feature"]
    spread: Float[Tensor, " feature"]
    weights: Float[Tensor, "input label"]

    def predict(self, features: Float[Tensor, "clip feature"]) -> list[str]:
        """The likeliest label of each clip."""
        inputs = _inputs(features, self.centre, self.spread)
        return [self.labels[i] for i in (inputs @ self.weights).argmax(dim=1).tolist()]

    def accuracy(self, features: Float[Tensor, "clip feature"], labels: Sequence[str]) -> float:
        """Share of clips whose label is found, 0…1.

        Raises:
            ParameterError: without clips, or if there is not one label for each.
        """
        if len(labels) != len(features) or not labels:
            raise ParameterError(f"found {len(features)} clips and {len(labels)} labels, wanted one label for each")
        return sum(a == b for a, b in zip(self.predict(features), labels, strict=True)) / len(labels)


@torch.enable_grad()
def fit_classifier(features: Float[Tensor, "clip feature"], labels: Sequence[str]) -> LabelClassifier:
    """Learn labels from clip statistics; convex and started at zero, so it needs no seed.

    Raises:
        ParameterError: with fewer than two labels, or if there is not one for each clip.
    """
    names = tuple(sorted(set(labels)))
    if len(labels) != len(features) or len(names) < 2:
        raise ParameterError(
            f"found {len(features)} clips and {len(labels)} labels of {len(names)} kinds, "
            "wanted one label for each clip and two kinds or more"
        )
    centre, spread = features.mean(dim=0), features.std(dim=0).clamp(min=_SMALLEST_SPREAD)
    inputs = _inputs(features, centre, spread)
    targets = torch.tensor([names.index(label) for label in labels])
    weights = torch.zeros(inputs.shape[1], len(names), requires_grad=True)
    optimiser = torch.optim.LBFGS([weights], max_iter=100, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimiser.zero_grad()
        value = torch.nn.functional.cross_entropy(inputs @ weights, targets) + _DECAY * weights.square().sum()
        value.backward()
        return value

    optimiser.step(loss)
    return LabelClassifier(names, centre, spread, weights.detach())


def _inputs(
    features: Float[Tensor, "clip feature"], centre: Float[Tensor, " feature"], spread: Float[Tensor, " feature"]
) -> Float[Tensor, "clip input"]:
    # a clip stranger than any heard in training must not outvote everything by one number
    standard = ((features - centre) / spread).clamp(-_FARTHEST, _FARTHEST)
    return torch.cat([standard, torch.ones(len(features), 1)], dim=1)
