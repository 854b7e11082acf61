"""k-means over more points than fit into memory: a sample of them starts the centres, all of them move these."""

from collections.abc import Mapping
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from smalti.core import ParameterError
from smalti.quantize.kmeans import kmeans, nearest_centre

_SAMPLE = 32  # points kept for each centre


class MiniBatchKMeans:
    """Centres of a stream of points.

    A uniform sample of all points seen so far is kept. Once it is full, k-means on it places the centres; from there
    on each centre is the mean of the points that chose it. Whoever pushes points in random order gets centres of all
    of them; the order and the seed decide everything.

    Attributes:
        seen: points so far.
    Source: Sculley 2010 (centres as running means); Vitter 1985, algorithm R (the sample).
    """

    def __init__(self, centres: int, *, seed: int = 0) -> None:
        """Begin without points.

        Raises:
            ParameterError: if there are to be fewer than two centres.
        """
        if centres < 2:
            raise ParameterError(f"found {centres} centres, wanted two at least; give more")
        self.seen = 0
        self._count, self._size = centres, _SAMPLE * centres
        self._generator = torch.Generator().manual_seed(seed)
        self._sample = torch.zeros(0, 0)
        self._centres: Tensor | None = None
        self._weights = torch.zeros(centres)

    def push(self, points: Float[Tensor, "point dim"]) -> None:
        """Take points in; they are not kept.

        Raises:
            ParameterError: if they hold NaN or Inf, or are of another width than those before.
        """
        if not bool(torch.isfinite(points).all()):
            raise ParameterError("found NaN or Inf among the points to cluster; give finite numbers")
        if self.seen and points.shape[1] != self._sample.shape[1]:
            raise ParameterError(f"found points of {points.shape[1]} numbers, wanted {self._sample.shape[1]} as before")
        self._keep(points)
        if self._centres is not None:
            self._move(self._centres, points)
        elif len(self._sample) == self._size:
            self._centres = self._started()

    def centres(self) -> Float[Tensor, "centre dim"]:
        """Where they are now.

        Raises:
            ParameterError: if fewer points than centres were seen.
        """
        if self.seen < self._count:
            raise ParameterError(f"found {self.seen} points, wanted at least {self._count} centres; give more sound")
        if self._centres is not None:
            return self._centres.clone()
        looked = torch.Generator()
        looked.set_state(self._generator.get_state())  # looking changes nothing
        return kmeans(self._sample, centres=self._count, generator=looked)

    def left(self, centres: Float[Tensor, "centre dim"]) -> float:
        """Share of the sample's variance that centres leave unexplained, 0…1."""
        rest = self._sample - centres[nearest_centre(self._sample, centres)]
        whole = self._sample.var(dim=0, correction=0).sum()
        return float(rest.pow(2).sum(dim=1).mean() / whole) if whole > 0 else 0.0

    def state_dict(self) -> dict[str, Any]:
        """All that going on needs."""
        centres = {} if self._centres is None else {"centres": self._centres, "weights": self._weights}
        return {"seen": self.seen, "sample": self._sample, "generator": self._generator.get_state(), **centres}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from there."""
        self.seen, self._sample = int(state["seen"]), state["sample"].clone()
        self._generator.set_state(state["generator"])
        self._centres = state["centres"].clone() if "centres" in state else None
        self._weights = state["weights"].clone() if "weights" in state else torch.zeros(self._count)

    def _started(self) -> Tensor:
        found = kmeans(self._sample, centres=self._count, generator=self._generator)
        self._weights = torch.bincount(nearest_centre(self._sample, found), minlength=self._count).float()
        return found

    def _move(self, centres: Tensor, points: Tensor) -> None:
        nearest = nearest_centre(points, centres)
        counts = torch.bincount(nearest, minlength=self._count).float()
        sums = torch.zeros_like(centres).index_add_(0, nearest, points)
        self._weights += counts
        centres += (sums - counts[:, None] * centres) / self._weights.clamp(min=1)[:, None]

    def _keep(self, points: Tensor) -> None:
        """Every point seen so far is in the sample with equal chance."""
        free = self._size - len(self._sample)
        taken, rest = points[:free], points[free:]
        self._sample = torch.cat([self._sample, taken.float()]) if self.seen else taken.float().clone()
        turns = self.seen + len(taken) + torch.arange(len(rest)) + 1
        places = (torch.rand(len(rest), generator=self._generator, dtype=torch.float64) * turns).long()
        self.seen += len(points)
        for row in (places < self._size).nonzero()[:, 0].tolist():  # in order, as a place may be drawn twice
            self._sample[places[row]] = rest[row]
