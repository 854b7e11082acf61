"""k-means, to place code vectors where the data is and to make tokens of any encoder's frames."""

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from smalti.core import ParameterError

_CELLS = 1 << 24  # of a table of points and centres


def nearest_centre(points: Float[Tensor, "point dim"], centres: Float[Tensor, "centre dim"]) -> Int64[Tensor, " point"]:
    """Index of the nearest centre of each point (Euclidean; the lower index on a tie), in chunks of bounded memory."""
    half = 0.5 * (centres * centres).sum(dim=1)
    chunks = points.split(max(1, _CELLS // len(centres)))
    return torch.cat([(half - chunk @ centres.T).argmin(dim=1) for chunk in chunks])


def kmeans(
    points: Float[Tensor, "point dim"],
    *,
    centres: int,
    iterations: int = 10,
    generator: torch.Generator | None = None,
) -> Float[Tensor, "centre dim"]:
    """Centres of clusters of the points: a spread-out random start, then Lloyd's iterations.

    A centre that lost its points takes a random one.

    Args:
        points: at least one; where there are fewer than centres, some centres begin as equals.
        centres: how many.
        iterations: of Lloyd's algorithm.
        generator: source of the random choices; None is torch's global one.
    Raises:
        ParameterError: if there are no points.
    Source: Lloyd 1982; the start is k-means++ of Arthur & Vassilvitskii 2007.
    """
    if not len(points):
        raise ParameterError("found no points to cluster, wanted at least one; pass latents of real audio")
    found = _spread_out(points, centres, generator)
    for _ in range(iterations):
        nearest = nearest_centre(points, found)
        counts = torch.bincount(nearest, minlength=centres)
        sums = torch.zeros_like(found).index_add_(0, nearest, points)
        spare = points[torch.randint(len(points), (centres,), generator=generator)]
        found = torch.where(counts[:, None] > 0, sums / counts.clamp(min=1)[:, None], spare)
    return found


def _spread_out(points: Tensor, centres: int, generator: torch.Generator | None) -> Tensor:
    """Points chosen one by one, each with a chance that grows as its squared distance to those chosen before."""
    weight = torch.ones(len(points), device=points.device)
    distance = torch.full_like(weight, torch.inf)
    chosen: list[Tensor] = []
    for _ in range(centres):
        chosen.append(points[torch.multinomial(weight, 1, generator=generator)])
        distance = torch.minimum(distance, (points - chosen[-1]).pow(2).sum(dim=1))
        weight = distance if bool(distance.any()) else torch.ones_like(distance)
    return torch.cat(chosen)
