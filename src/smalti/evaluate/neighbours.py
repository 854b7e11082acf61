"""What the nearest vectors are called: nothing is fitted and nothing tuned, so it can be asked at any moment.

Convention: vectors are standardised by the training rows, near means a large cosine, and a neighbour votes with
exp(cosine / temperature).
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int64
from torch import Tensor
from torch.nn import functional

from smalti.core import ParameterError

NEIGHBOURS = (1, 10, 20)
_TEMPERATURE = 0.07
_AT_ONCE = 2**24  # similarities in memory


def standardised(
    train: Float[Tensor, "train feature"], other: Float[Tensor, "other feature"]
) -> tuple[Float[Tensor, "train feature"], Float[Tensor, "other feature"]]:
    """Both in units of the training rows: mean 0, deviation 1 of each feature; one that never changes there is 0."""
    mean = train.mean(0)
    scale = unit_scale(mean, train.std(0, unbiased=False))
    return (train - mean) * scale, (other - mean) * scale


def unit_scale(mean: Float[Tensor, " feature"], deviation: Float[Tensor, " feature"]) -> Float[Tensor, " feature"]:
    """What makes the deviation of each feature 1; 0 of one that never changes."""
    # below this a deviation is what rounding makes of a constant
    steady = deviation <= 1e-6 * mean.abs()
    return torch.where(steady, 0.0, 1 / torch.where(steady, 1.0, deviation))


@torch.no_grad()
def neighbour_shares(
    train: Float[Tensor, "train feature"],
    targets: Float[Tensor, "train class"],
    test: Float[Tensor, "test feature"],
    *,
    neighbours: Sequence[int] = NEIGHBOURS,
    temperature: float = _TEMPERATURE,
) -> dict[int, Float[Tensor, "test class"]]:
    """How much of each class there is among the neighbours of each test row, 0…1, by their number.

    Of equally similar rows the earlier ones are nearer. Where there are fewer rows than neighbours, all of them vote.

    Args:
        train: vectors that are known, as they come from an encoder.
        targets: the share of each class in each of them: one-hot, or several ones of a row of several labels.
        test: vectors that are asked about.
        neighbours: how many vote.
        temperature: of their votes.
    Raises:
        ParameterError: without training rows or neighbours.
    Source: arXiv:1805.01978 (weighted vote); arXiv:2104.14294 (temperature 0.07, 20 neighbours).
    """
    if not len(train) or not neighbours or min(neighbours) < 1:
        said = f"{len(train)} training rows and {list(neighbours)} neighbours"
        raise ParameterError(f"found {said}, wanted one of each at least")
    known, asked = (functional.normalize(rows, dim=1) for rows in standardised(train.float(), test.float()))
    targets, most = targets.to(known), min(max(neighbours), len(known))
    found: dict[int, list[Tensor]] = {count: [] for count in neighbours}
    for some in asked.split(max(1, _AT_ONCE // len(known))):
        near = (some @ known.T).sort(dim=1, descending=True, stable=True)
        votes = (near.values[:, :most] / temperature).exp()
        told = targets[near.indices[:, :most]]
        for count, parts in found.items():
            mine = votes[:, :count] / votes[:, :count].sum(1, keepdim=True)
            parts.append((mine[..., None] * told[:, :count]).sum(1))
    empty = targets.new_zeros(0, targets.shape[1])
    return {count: torch.cat(parts or [empty]) for count, parts in found.items()}


def neighbour_accuracy(
    train: Float[Tensor, "train feature"],
    known: Int64[Tensor, " train"],
    test: Float[Tensor, "test feature"],
    truth: Int64[Tensor, " test"],
    *,
    neighbours: Sequence[int] = NEIGHBOURS,
    temperature: float = _TEMPERATURE,
) -> dict[int, float]:
    """Share of test rows whose class wins the vote, by the number of neighbours; of equal votes the first class wins.

    Args:
        train, test: vectors, as they come from an encoder.
        known, truth: their classes, counted from 0.
        neighbours, temperature: as of `neighbour_shares`.
    Raises:
        ParameterError: as `neighbour_shares`, or without test rows.
    """
    if not len(test):
        raise ParameterError("found no test rows, wanted one at least")
    classes = 1 + int(torch.cat([known, truth]).max())
    targets = functional.one_hot(known, classes).float()
    shares = neighbour_shares(train, targets, test, neighbours=neighbours, temperature=temperature)
    return {count: float((found.argmax(1) == truth).float().mean()) for count, found in shares.items()}
