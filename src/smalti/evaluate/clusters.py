"""Whether vectors fall into the classes by themselves: clusters, found without labels, held against them.

Convention: features are standardised. Adjusted Rand index: 1 for equal partitions, 0 on average for random ones, never
below -0.5; normalised mutual information and homogeneity: 0…1, and more than 0 even for random labels when clusters are
many, so what shuffled labels give stands beside them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from jaxtyping import Float
from torch import Tensor

from smalti.core import ParameterError, need
from smalti.evaluate.estimates import Estimate, estimated

Method = Literal["kmeans", "gmm"]
_SCANNED = 2000  # rows that the number of clusters is chosen on


@dataclass(frozen=True, slots=True)
class Clustering:
    """How clusters are found.

    Attributes:
        method: k-means, or a mixture of Gaussians.
        counts: least and most clusters of a mixture, of which Akaike's criterion chooses; None is one for each class.
    """

    method: Method = "kmeans"
    counts: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        if self.counts is not None and (self.method != "gmm" or not 1 <= self.counts[0] <= self.counts[1]):
            raise ParameterError(
                f"found {self.method} of {self.counts[0]}…{self.counts[1]} clusters; "
                "a range, from 1 on and upwards, is for gmm: write gmm:20:59"
            )

    @classmethod
    def parse(cls, text: str) -> "Clustering":
        """As people write it: `kmeans`, `gmm`, `gmm:20:59`.

        Raises:
            ParameterError: if it is something else.
        """
        method, *counts = text.split(":")
        if method not in ("kmeans", "gmm") or len(counts) not in (0, 2) or not all(map(str.isdecimal, counts)):
            raise ParameterError(f"clusters {text!r} are unknown; write kmeans, gmm or gmm:20:59")
        return cls(method, (int(counts[0]), int(counts[1])) if counts else None)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterScore:
    """How clusters agree with classes; means over starts of the clustering.

    Attributes:
        clusters: how many.
        adjusted_rand, mutual_information (normalised), homogeneity: of clusters and classes.
        shuffled_mutual_information, shuffled_homogeneity: of the same clusters and shuffled classes.
    """

    clusters: int
    adjusted_rand: Estimate
    mutual_information: Estimate
    homogeneity: Estimate
    shuffled_mutual_information: float
    shuffled_homogeneity: float


def cluster_score(
    features: Float[Tensor, "row feature"],
    labels: Sequence[str],
    *,
    clustering: Clustering | None = None,
    seeds: Sequence[int] = (0,),
) -> ClusterScore:
    """Cluster the rows, once for each seed, and hold the clusters against the classes.

    Args:
        features: of each row, finite.
        labels: the class of each.
        clustering: k-means with a cluster for each class if None.
        seeds: of the starts.
    Raises:
        ParameterError: if scikit-learn is not installed, or there are fewer rows than clusters.
    """
    need("sklearn", extra="evaluate", what="cluster scores")
    from sklearn.metrics import adjusted_rand_score, homogeneity_score, normalized_mutual_info_score
    from sklearn.preprocessing import StandardScaler

    clustering = clustering or Clustering()
    rows = StandardScaler().fit_transform(features.detach().cpu().double().numpy())
    most = clustering.counts[1] if clustering.counts else len(set(labels))
    if len(rows) != len(labels) or len(rows) < most:
        raise ParameterError(f"found {len(rows)} rows, {len(labels)} labels and {most} clusters; give fewer clusters")
    count = most if clustering.counts is None else _chosen(rows, clustering.counts, seeds[0])
    found = [_model(clustering.method, count, seed).fit_predict(rows) for seed in seeds]
    mixed = [np.random.default_rng(seed).permutation(np.array(labels)) for seed in seeds]
    agreed = [
        [score(truth, own) for truth, own in zip(truths, found, strict=True)]
        for score, truths in (
            (adjusted_rand_score, [labels] * len(found)),
            (normalized_mutual_info_score, [labels] * len(found)),
            (homogeneity_score, [labels] * len(found)),
            (normalized_mutual_info_score, mixed),
            (homogeneity_score, mixed),
        )
    ]
    rand = estimated(agreed[0], least=-0.5)
    mutual, homogeneous, *shuffled = map(estimated, agreed[1:])
    return ClusterScore(
        clusters=count,
        adjusted_rand=rand,
        mutual_information=mutual,
        homogeneity=homogeneous,
        shuffled_mutual_information=shuffled[0].mean,
        shuffled_homogeneity=shuffled[1].mean,
    )


def _chosen(rows: Float[np.ndarray, "row feature"], counts: tuple[int, int], seed: int) -> int:
    """The number of clusters with the least Akaike information, on some of the rows."""
    some = np.random.default_rng(seed).permutation(len(rows))[:_SCANNED]
    heard = rows[some]
    tried = range(counts[0], min(counts[1], len(heard)) + 1)
    return min(tried, key=lambda count: float(_model("gmm", count, seed).fit(heard).aic(heard)))


def _model(method: Method, count: int, seed: int) -> Any:
    from sklearn import cluster
    from sklearn.mixture import GaussianMixture

    kmeans: Any = cluster.KMeans  # its stated types are too narrow
    if method == "kmeans":
        return kmeans(count, n_init=3, random_state=seed)
    # Differs: the reference's full covariances have more numbers than it has vectors; diagonal ones can be learnt
    return GaussianMixture(count, covariance_type="diag", reg_covar=1e-3, random_state=seed)
