"""k-means, to place code vectors where the data is and to make tokens of any encoder's frames."""

from collections.abc import Callable

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from smalti.core import ParameterError

_CELLS = 1 << 24  # of a table of points and centres


def nearest_centre(points: Float[Tensor, "point dim"], centres: Float[Tensor, "centre dim"]) -> Int64[Tensor, " point"]:
    """Index of the nearest centre of each point (Euclidean; the lower index on a tie), in chunks of bounded memory.

    The quick score ½‖c‖² - p·c is a small difference of large numbers. Where rounding decides it, a point that was
    computed in another batch or block would get another code, so the score is taken from the middle of the centres, and
    the two best are compared by their distances.
    """
    return _in_chunks(_nearest, points, centres)


def kmeans(
    points: Float[Tensor, "point dim"],
    *,
    centres: int,
    iterations: int = 10,
    generator: torch.Generator | None = None,
    start: Float[Tensor, "centre dim"] | None = None,
) -> Float[Tensor, "centre dim"]:
    """Centres of clusters of the points: a spread-out random start, or one that is given, then Lloyd's iterations.

    A centre that lost its points takes a random one.

    Args:
        points: at least one; where there are fewer than centres, some centres begin as equals.
        centres: how many.
        iterations: of Lloyd's algorithm.
        generator: source of the random choices; None is torch's global one.
        start: as many centres to begin with.
    Raises:
        ParameterError: if there are no points.
    Source: Lloyd 1982; the start is k-means++ of Arthur & Vassilvitskii 2007.
    """
    if not len(points):
        raise ParameterError("found no points to cluster, wanted at least one; pass latents of real audio")
    found = _spread_out(points, centres, generator) if start is None else start
    for _ in range(iterations):
        nearest = _in_chunks(_best, points, found)
        counts = torch.bincount(nearest, minlength=centres)
        sums = torch.zeros_like(found).index_add_(0, nearest, points)
        spare = points[torch.randint(len(points), (centres,), generator=generator)]
        found = torch.where(counts[:, None] > 0, sums / counts.clamp(min=1)[:, None], spare)
    return found


def _in_chunks(choose: Callable[[Tensor, Tensor], Tensor], points: Tensor, centres: Tensor) -> Tensor:
    return torch.cat([choose(chunk, centres) for chunk in points.split(max(1, _CELLS // len(centres)))])


def _scores(points: Tensor, centres: Tensor) -> Float[Tensor, "point centre"]:
    return 0.5 * (centres * centres).sum(dim=1) - points @ centres.T


def _best(points: Tensor, centres: Tensor) -> Int64[Tensor, " point"]:
    return _scores(points, centres).argmin(dim=1)


def _nearest(points: Tensor, centres: Tensor) -> Int64[Tensor, " point"]:
    middle = centres.mean(dim=0)
    scores = _scores(points - middle, centres - middle)
    best = scores.argmin(dim=1, keepdim=True)
    other = torch.arange(len(centres), device=points.device) == best
    both = torch.cat([best, scores.masked_fill(other, torch.inf).argmin(dim=1, keepdim=True)], dim=1).sort(dim=1).values
    distances = (points[:, None] - centres[both]).square().sum(dim=2)
    return both.gather(1, distances.argmin(dim=1, keepdim=True))[:, 0]


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
