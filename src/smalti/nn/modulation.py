"""Conditions into layers: labels and parameters become one vector per frame, and it scales and shifts every branch.

`adaln` starts every branch closed (gate 0), so that a deep stack begins as the identity: arXiv:2212.09748, section 3.2.
`film` scales and shifts only, starting at the identity: arXiv:1709.07871.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from smalti.core import Condition, Mix, ParameterError, Schema
from smalti.nn.fourier import FEATURES, fourier_features

ModulationKind = Literal["adaln", "film"]


@dataclass(frozen=True, slots=True)
class BranchModulation:
    """What a condition does to one residual branch; a frame axis of 1 holds for all rows."""

    shift: Float[Tensor, "batch #row dim"]
    gain: Float[Tensor, "batch #row dim"]
    gate: Float[Tensor, "batch #row dim"] | None

    def before(self, rows: Float[Tensor, "batch row dim"]) -> Float[Tensor, "batch row dim"]:
        """What enters the branch: rows · gain + shift, in the precision of the condition."""
        return torch.addcmul(self.shift, rows.to(self.shift.dtype), self.gain)

    def onto(
        self, rows: Float[Tensor, "batch row dim"], branch: Float[Tensor, "batch row dim"]
    ) -> Float[Tensor, "batch row dim"]:
        """What leaves the branch, added to the rows it came from."""
        return rows + branch if self.gate is None else torch.addcmul(rows, branch.to(self.gate.dtype), self.gate)


def require_condition(schema: Schema, condition: Condition) -> None:
    """Refuse what a model of this schema cannot be told.

    Raises:
        ParameterError: for a label, a value or a number of parameters that the schema does not know.
    """
    parameters = condition.values.shape[2]
    if parameters != len(schema.parameters):
        raise ParameterError(f"condition has {parameters} parameters, this model {len(schema.parameters)}")
    low, high = _range(condition.labels, none=-1)
    if not -1 <= low <= high < len(schema.labels):
        found = f"{int(low)}…{int(high)}"
        raise ParameterError(f"label positions are {found}, wanted 0…{len(schema.labels) - 1}, or -1 for none")
    low, high = _range(condition.values.nan_to_num(nan=0.0), none=0)
    if not -1e-6 <= low <= high <= 1 + 1e-6:
        raise ParameterError("a parameter lies outside 0…1; normalise it by its range, or give NaN for none")
    if condition.mix is not None:
        _require_mix(schema, condition.mix)


def _range(field: Tensor, *, none: float) -> tuple[float, float]:
    """Least and greatest; of nothing, `none`."""
    if not field.numel():
        return none, none
    low, high = field.aminmax()
    return low.item(), high.item()


def require_condition_of(schema: Schema, condition: Condition, *, batch: int, frames: int) -> None:
    """Refuse what a model of this schema cannot be told of so many rows and frames; one frame may stand for all.

    Raises:
        ParameterError: for another shape, and as `require_condition`.
    """
    if condition.labels.shape not in ((batch, frames), (batch, 1)):
        raise ParameterError(f"condition is of shape {tuple(condition.labels.shape)}, wanted {(batch, frames)}")
    require_condition(schema, condition)


def _require_mix(schema: Schema, mix: Mix) -> None:
    found = mix.labels.shape[2], mix.values.shape[2]
    if found != (len(schema.labels), len(schema.parameters)):
        wanted = f"{len(schema.labels)} labels and {len(schema.parameters)} parameters"
        raise ParameterError(f"shares are of {found[0]} labels and {found[1]} parameters, this model has {wanted}")
    sums = mix.labels.sum(-1)
    if min(float(mix.labels.min()), float(sums.min())) < -1e-6 or float(sums.max()) > 1 + 1e-5:
        raise ParameterError("shares of labels are below 0 or come to more than 1; give parts of one whole")
    if mix.values.numel() and not -1e-6 <= float(mix.values.min()) <= float(mix.values.max()) <= 1 + 1e-5:
        raise ParameterError("a parameter's share lies outside 0…1; give parts of one whole")


class ConditionEmbedding(nn.Module):
    """Labels and parameters of every frame as one vector; what is not given has a learnt vector of its own."""

    def __init__(self, *, labels: int, parameters: int, width: int):
        super().__init__()
        self.label = nn.Embedding(labels + 1, width)
        # the last input of a parameter is 1 where it is absent: its column is the "absent" vector
        self.knobs = nn.Linear(parameters * (FEATURES + 1), width) if parameters else None
        self.mix = nn.Sequential(nn.SiLU(), nn.Linear(width, width), nn.SiLU())

    def forward(self, condition: Condition) -> Float[Tensor, "batch frame dim"]:
        """One vector per frame of the condition; a mix of labels lies between their vectors, in a straight line."""
        vectors, given = self.label(condition.labels + 1), (~condition.values.isnan()).float()
        if condition.mix is not None:
            rest = 1 - condition.mix.labels.sum(-1, keepdim=True)
            vectors = rest * vectors + condition.mix.labels @ self.label.weight[1:]
            given = given * condition.mix.values
        if self.knobs is not None:
            waves = fourier_features(condition.values.nan_to_num()) * given[..., None]
            vectors = vectors + self.knobs(torch.cat([waves, 1 - given[..., None]], dim=-1).flatten(2))
        return self.mix(vectors)


class ToldOnce:
    """What a history is told. A condition that stays is not worked out again, and is the very same vectors."""

    def __init__(self, tell: Callable[[Condition], Tensor]):
        """`tell` makes vectors of a condition."""
        self._tell = tell
        self._last: tuple[Condition, Tensor] | None = None

    def __call__(self, condition: Condition) -> Float[Tensor, "batch #row dim"]:
        """A vector of each frame of a condition."""
        if self._last is None or not _same(self._last[0], condition):
            self._last = condition, self._tell(condition)
        return self._last[1]


def _same(first: Condition, second: Condition) -> bool:
    """Bit for bit, so that absent parameters, which are NaN, are equal too; a mix is always worked out."""
    if first.mix is not None or second.mix is not None:
        return False
    bits = first.values.view(torch.int32), second.values.view(torch.int32)
    return torch.equal(first.labels, second.labels) and torch.equal(*bits)


class Modulation(nn.Module):
    """Condition vectors to the modulation of both branches of every layer, in one matrix product from zero."""

    def __init__(self, *, condition_width: int, width: int, layers: int, kind: ModulationKind):
        super().__init__()
        self.layers, self.parts = layers, 3 if kind == "adaln" else 2
        self.project = nn.Linear(condition_width, layers * 2 * self.parts * width)
        nn.init.zeros_(self.project.weight)
        nn.init.zeros_(self.project.bias)

    def forward(self, vectors: Float[Tensor, "batch frame dim"]) -> list[tuple[BranchModulation, BranchModulation]]:
        """For each layer: what is done to its attention and to its feed-forward branch."""
        pieces = self.project(vectors).chunk(self.layers * 2 * self.parts, dim=-1)
        branches = [self._branch(pieces[at : at + self.parts]) for at in range(0, len(pieces), self.parts)]
        return list(zip(branches[::2], branches[1::2], strict=True))

    def _branch(self, parts: tuple[Tensor, ...]) -> BranchModulation:
        return BranchModulation(parts[0], 1 + parts[1], parts[2] if self.parts == 3 else None)


def drop_fields(condition: Condition, *, rate: float, generator: torch.Generator) -> Condition:
    """Make each field of each row absent with probability `rate`, each on its own, so that guidance can leave any out.

    The label is one field and every parameter is one; a field is dropped for all frames of a row.
    """
    batch, _, parameters = condition.values.shape
    dropped = torch.rand(batch, 1, 1 + parameters, generator=generator) < rate
    labels = condition.labels.masked_fill(dropped[:, :, 0], -1)
    return Condition(labels, condition.values.masked_fill(dropped[:, :, 1:], float("nan")))
