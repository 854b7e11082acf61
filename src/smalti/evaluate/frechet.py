"""Fréchet distance: how far apart two clouds of clips lie, by their means and covariances.

Convention: the embedding is smalti's own (`clip_statistics`), each number divided by its spread over the real clips, so
the distance has no unit and compares with nothing but its own floor: half of the real clips against the other half.
Samples of equal size are compared throughout, for the distance of small samples is biased upwards, and all three
distances are means over eight random splits.
"""

from dataclasses import dataclass
from statistics import fmean

import torch
from jaxtyping import Float, Float64
from torch import Tensor

from smalti.core import ParameterError

_SMALLEST_SPREAD = 0.01
_SPLITS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class FrechetScore:
    """Distance to real clips: of generated ones, of other real ones (`floor`), and of these through the codec."""

    value: float
    floor: float
    ceiling: float


def frechet_score(
    generated: Float[Tensor, "generated feature"],
    *,
    real: Float[Tensor, "real feature"],
    ceiling: Float[Tensor, "real feature"],
    generator: torch.Generator,
) -> FrechetScore:
    """Score generated clips against real ones, with the floor that real clips reach among themselves.

    Args:
        generated: one embedding a clip; four or more.
        real: the same of real clips, four or more.
        ceiling: the same of the real clips through the codec, in the order of `real`.
        generator: draws the splits.
    Raises:
        ParameterError: with fewer than four clips on a side.
    """
    if min(len(generated), len(real)) < 4:
        raise ParameterError(f"found {len(generated)} generated and {len(real)} real clips, wanted four of each")
    spread = real.std(dim=0).clamp(min=_SMALLEST_SPREAD)
    made, truth, heard = generated / spread, real / spread, ceiling / spread
    size = min(len(made), len(truth) // 2)
    found: list[list[float]] = []
    for _ in range(_SPLITS):
        some = made[torch.randperm(len(made), generator=generator)[:size]]
        one, other = torch.randperm(len(truth), generator=generator)[: 2 * size].view(2, size)
        clouds = (some, truth[one], heard[one])
        found.append([frechet_distance(cloud, truth[other]) for cloud in clouds])
    value, floor, codec = (fmean(column) for column in zip(*found, strict=True))
    return FrechetScore(value=value, floor=floor, ceiling=codec)


def frechet_distance(first: Float[Tensor, "one feature"], second: Float[Tensor, "other feature"]) -> float:
    """Fréchet distance of the Gaussians that fit two clouds of points (two or more each)."""
    clouds = (first.double(), second.double())
    (mean, covariance), (other_mean, other_covariance) = ((c.mean(dim=0), c.T.cov()) for c in clouds)
    return gaussian_distance(mean, covariance, other_mean, other_covariance)


def gaussian_distance(
    mean: Float64[Tensor, " feature"],
    covariance: Float64[Tensor, "feature feature"],
    other_mean: Float64[Tensor, " feature"],
    other_covariance: Float64[Tensor, "feature feature"],
) -> float:
    """|m - n|² + tr(A + B - 2·(A^½·B·A^½)^½), both roots by eigenvalues of symmetric matrices.

    Source: Dowson & Landau 1982, eq. 16.
    """
    values, vectors = torch.linalg.eigh(covariance)
    root = vectors * values.clamp(min=0).sqrt() @ vectors.T
    cross = torch.linalg.eigvalsh(root @ other_covariance @ root).clamp(min=0).sqrt().sum()
    gap = (mean - other_mean).square().sum()
    return max(0.0, float(gap + covariance.trace() + other_covariance.trace() - 2 * cross))
