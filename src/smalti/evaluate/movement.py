"""How frames move through a recording: which numbers change together, and which of them change first.

Mean and deviation of frames say nothing of their order. Along the few directions in which an encoder's frames differ
most, two statistics more do: the covariance of each two, and the area that the path of each two encloses, which is
positive where the path turns from the first towards the second. Neither of the two changes if a voice or a microphone
moves all frames by one vector.

Source: Lévy's area, the second level of a path's signature: Chevyrev & Kormilitzin 2016 (arXiv:1603.03788), 1.2.4.
"""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from smalti.core import ParameterError
from smalti.evaluate.neighbours import unit_scale

MOST = 20
"""Directions, at most: 400 numbers of a recording."""
_ROUNDING = 1e-6  # below this share of the largest a variance is what rounding makes


@dataclass(frozen=True, slots=True, eq=False)
class Directions:
    """Principal directions of an encoder's frames.

    Attributes:
        mean: of each number of a frame.
        axes: from a frame less the mean to its places along the directions, each of variance 1 where they were learnt.
    """

    mean: Float[Tensor, " dim"]
    axes: Float[Tensor, "dim direction"]

    def places(self, frames: Float[Tensor, "frame dim"]) -> Float[Tensor, "frame direction"]:
        """Where frames lie along the directions."""
        return (frames - self.mean) @ self.axes


class FrameMoments:
    """Sums over the frames of some recordings, of which none is kept: what directions are learnt from."""

    def __init__(self) -> None:
        self._count, self._total, self._products = 0, torch.zeros(1).double(), torch.zeros(1, 1).double()

    def add(self, frames: Float[Tensor, "frame dim"]) -> None:
        """Take a recording in."""
        rows = frames.double()
        self._count += len(rows)
        self._total = self._total + rows.sum(0)
        self._products = self._products + rows.T @ rows

    def directions(self, most: int = MOST) -> Directions:
        """Those of most variance, each number of a frame standardised.

        Args:
            most: directions wanted; fewer are given where frames vary in fewer.
        Raises:
            ParameterError: without two frames that differ.
        """
        count = max(self._count, 1)
        mean = self._total / count
        covariance = self._products / count - mean[:, None] * mean
        deviation = covariance.diagonal().clamp(min=0).sqrt()
        scale = unit_scale(mean, deviation)
        variances, vectors = torch.linalg.eigh(scale[:, None] * covariance * scale)
        variances, vectors = variances.flip(0)[:most], vectors.flip(1)[:, :most]
        kept = variances > max(_ROUNDING, _ROUNDING * float(variances[0]))
        if not bool(kept.any()):
            raise ParameterError(
                f"found {self._count} frames that do not differ, wanted two that do; name other recordings"
            )
        axes = scale[:, None] * vectors[:, kept] / variances[kept].sqrt()
        return Directions(mean.float(), axes.float())


def covariances(places: Float[Tensor, "frame direction"]) -> Float[Tensor, " pair"]:
    """Of each two directions, and the variance of each, over a recording; those of the first direction first."""
    own, count = places - places.mean(0), places.shape[1]
    rows, columns = torch.triu_indices(count, count)
    return (own.T @ own / len(own))[rows, columns]


def areas(places: Float[Tensor, "frame direction"]) -> Float[Tensor, " pair"]:
    """Of each two directions the area between a recording's path and the straight line from its end to its beginning.

    Positive where the path turns from the first direction to the second. Divided by the root of the number of frames:
    what noise encloses is of one size then, however long it is.
    """
    middles, moves = (places[1:] + places[:-1]) / 2 - places[:1], places.diff(dim=0)
    turned, count = middles.T @ moves / (2 * math.sqrt(len(places))), places.shape[1]
    rows, columns = torch.triu_indices(count, count, 1)
    return (turned - turned.T)[rows, columns]
