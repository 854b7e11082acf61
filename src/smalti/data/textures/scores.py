"""How well a sound tells what was asked of it: rank correlation and error in the parameter's own unit."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float


@dataclass(frozen=True, slots=True)
class Score:
    """Agreement of asked and measured values.

    Attributes:
        spearman: rank correlation; what could not be measured ranks lowest. 0 where a single value orders nothing.
        median_error: of |measured - asked|, in `unit`; infinite if half could not be measured.
        unit: the parameter's; empty if it has none.
        clips: how many were measured.
    """

    spearman: float
    median_error: float
    unit: str
    clips: int


def score(pairs: Sequence[tuple[float, float]], *, unit: str) -> Score:
    """Agreement of (asked, measured) pairs."""
    asked, measured = np.array([a for a, _ in pairs]), np.array([m for _, m in pairs])
    missing = np.isnan(measured)
    error = float(np.median(np.where(missing, np.inf, np.abs(measured - asked))))
    first, second = _ranks(asked), _ranks(np.where(missing, -np.inf, measured))
    scale = float(first.std() * second.std())
    spearman = float((first * second).mean() / scale) if scale > 0 else 0.0
    return Score(spearman, error, unit, len(pairs))


def _ranks(values: Float[np.ndarray, " pair"]) -> Float[np.ndarray, " pair"]:
    """Ranks around zero; equal values share theirs."""
    below = (values[:, None] > values[None]).sum(axis=1)
    equal = (values[:, None] == values[None]).sum(axis=1)
    ranks = below + equal / 2
    return ranks - ranks.mean()
