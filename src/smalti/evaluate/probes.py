"""How easily vectors tell a class: a linear classifier and a forest, learnt on some groups and asked about others.

Convention: features are standardised by the training rows; accuracy is the share of test rows that are right; precision
is its mean over classes (0 for a class that is never named). Figures are means over splits with a 95 % interval.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any, Literal

import numpy as np
from jaxtyping import Float
from torch import Tensor

from smalti.core import ParameterError, need
from smalti.evaluate.estimates import Estimate, estimated
from smalti.evaluate.splits import Split

Kind = Literal["linear", "forest", "majority"]
_TREES, _ROUNDS = 100, 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeScore:
    """How well classes were found.

    Attributes:
        accuracy: share of test rows.
        precision: of each class, mean over classes.
    """

    accuracy: Estimate
    precision: Estimate


def probe(
    features: Float[Tensor, "row feature"], labels: Sequence[str], splits: Sequence[Split], *, kind: Kind = "linear"
) -> ProbeScore:
    """Learn the classes of the training rows and find those of the test rows, in each split.

    Args:
        features: of each row, finite.
        labels: the class of each.
        splits: as from `grouped_split`; the number of each is its seed.
        kind: logistic regression; 100 trees; or always the class that is most frequent in training, the floor.
    Raises:
        ParameterError: if scikit-learn is not installed, or there is not one label for each row.
    """
    need("sklearn", extra="evaluate", what="probes")
    from sklearn import metrics
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    if len(features) != len(labels) or not splits:
        found = f"{len(features)} rows, {len(labels)} labels and {len(splits)} splits"
        raise ParameterError(f"found {found}, wanted a label for each row and one split at least")
    precision: Any = metrics.precision_score  # its stated types are too narrow
    rows, named = features.detach().cpu().numpy(), np.array(labels)
    right, precise, overlaps = list[float](), list[float](), list[float]()
    for seed, split in enumerate(splits):
        model = make_pipeline(StandardScaler(), _learner(kind, seed))
        model.fit(rows[split.train], named[split.train])
        found, truth = model.predict(rows[split.test]), named[split.test]
        right.append(float((found == truth).mean()))
        precise.append(float(precision(truth, found, average="macro", zero_division=0)))
        overlaps.append(len(split.test) / len(split.train))
    overlap = fmean(overlaps)
    return ProbeScore(accuracy=estimated(right, overlap=overlap), precision=estimated(precise, overlap=overlap))


def _learner(kind: Kind, seed: int) -> Any:
    from sklearn.dummy import DummyClassifier
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.linear_model import LogisticRegression

    if kind == "linear":
        return LogisticRegression(max_iter=_ROUNDS)
    return RandomForestClassifier(_TREES, random_state=seed) if kind == "forest" else DummyClassifier()
