"""Maps of vectors in the plane: PCA and t-SNE know no classes; LDA does, so it is fitted on some rows and shows others.

Convention: features are standardised, by the training rows for LDA.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor

from smalti.core import need
from smalti.evaluate.splits import Split

_PERPLEXITY = 30.0
_NEIGHBOURED = 2000  # most rows of a t-SNE


@dataclass(frozen=True, slots=True, eq=False)
class Map:
    """Places of some rows.

    Attributes:
        name: of the method.
        rows: shown.
        places: of each, x and y.
    """

    name: str
    rows: Int64[Tensor, " shown"]
    places: Float[Tensor, "shown 2"]


def pca(features: Float[Tensor, "row feature"]) -> Map:
    """All rows along the two directions in which they differ most.

    Raises:
        ParameterError: if scikit-learn is not installed.
    """
    need("sklearn", extra="evaluate", what="maps")
    from sklearn.decomposition import PCA
    from sklearn.preprocessing import StandardScaler

    rows = StandardScaler().fit_transform(_numbers(features))
    return Map("PCA", torch.arange(len(rows)), _plane(PCA(min(2, *rows.shape)).fit_transform(rows)))


def tsne(features: Float[Tensor, "row feature"], *, seed: int = 0) -> Map:
    """At most 2,000 rows, near each other where their features are.

    Raises:
        ParameterError: if scikit-learn is not installed.
    Source: van der Maaten & Hinton 2008; perplexity 30, or a third of the rows if that is less.
    """
    need("sklearn", extra="evaluate", what="maps")
    from sklearn.manifold import TSNE
    from sklearn.preprocessing import StandardScaler

    generator = torch.Generator().manual_seed(seed)
    some = torch.randperm(len(features), generator=generator)[:_NEIGHBOURED].sort().values
    rows = StandardScaler().fit_transform(_numbers(features[some]))
    if len(rows) < 4:  # too few to be neighbours
        return Map("t-SNE", some, _plane(rows[:, :2]))
    start = "pca" if min(rows.shape) > 1 else "random"
    perplexity = min(_PERPLEXITY, (len(rows) - 1) / 3)
    return Map("t-SNE", some, _plane(TSNE(perplexity=perplexity, init=start, random_state=seed).fit_transform(rows)))


def lda(features: Float[Tensor, "row feature"], labels: Sequence[str], split: Split) -> Map:
    """The test rows along the two directions that separate the classes of the training rows best.

    Two classes have one such direction; the other is then that in which the test rows differ most.

    Raises:
        ParameterError: if scikit-learn is not installed.
    """
    need("sklearn", extra="evaluate", what="maps")
    from sklearn.decomposition import PCA
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    rows, named = _numbers(features), np.array(labels)
    model = make_pipeline(StandardScaler(), LinearDiscriminantAnalysis())
    places = model.fit(rows[split.train], named[split.train]).transform(rows[split.test])
    if places.shape[1] == 1 and min(rows[split.test].shape):
        places = np.concatenate([places, PCA(1).fit_transform(rows[split.test])], axis=1)
    return Map("LDA, held out", torch.from_numpy(split.test), _plane(places))


def _numbers(features: Float[Tensor, "row feature"]) -> Float[np.ndarray, "row feature"]:
    return features.detach().cpu().double().numpy()


def _plane(places: Float[np.ndarray, "row axis"]) -> Float[Tensor, "row 2"]:
    found = torch.from_numpy(np.ascontiguousarray(places[:, :2])).float()
    return torch.nn.functional.pad(found, (0, 2 - found.shape[1]))
