"""Conditions: what a token language model can be told, as a typed schema and its values per frame."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from smalti.core.errors import ParameterError, nearest

Scale = Literal["lin", "log"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One continuous knob, in its own unit.

    Attributes:
        name: as on the command line (`--set rate=4`).
        label: the class of sound it belongs to; None if it belongs to all.
        unit: for people, such as "Hz"; empty if it has none.
        low, high: the range the model has heard, inclusive, in the unit.
        scale: "log" if equal ratios sound like equal steps.
    """

    name: str
    label: str | None = None
    unit: str = ""
    low: float = 0.0
    high: float = 1.0
    scale: Scale = "lin"

    def __post_init__(self) -> None:
        if not self.low < self.high or (self.scale == "log" and self.low <= 0):
            raise ParameterError(f"{self.key} ranges from {self.low} to {self.high} ({self.scale}); give low < high")

    @property
    def key(self) -> str:
        """`label.name`, or the bare name if it belongs to every label."""
        return f"{self.label}.{self.name}" if self.label else self.name

    def reaches(self, value: float) -> bool:
        """Whether a value in its unit lies within its range."""
        slack = 1e-9 * max(abs(self.low), abs(self.high))
        return self.low - slack <= value <= self.high + slack

    def normalise(self, value: float) -> float:
        """Map a value in its unit to 0…1.

        Raises:
            ParameterError: if it lies outside the range; nothing is clamped.
        """
        if not self.reaches(value):
            found = f"{self.key}={value:g}{self.unit and ' ' + self.unit}"
            raise ParameterError(f"{found} is outside {self.low:g}…{self.high:g}; choose a value in that range")
        if self.scale == "log":
            return math.log(value / self.low) / math.log(self.high / self.low)
        return (value - self.low) / (self.high - self.low)

    def denormalise(self, position: float) -> float:
        """Map 0…1 back to the unit."""
        if self.scale == "log":
            return self.low * (self.high / self.low) ** position
        return self.low + (self.high - self.low) * position


@dataclass(frozen=True, slots=True)
class Schema:
    """The labels and parameters a model knows, in the order of its tables; saved with the model."""

    labels: tuple[str, ...] = ()
    parameters: tuple[Parameter, ...] = ()

    def label_index(self, name: str) -> int:
        """Position of a label.

        Raises:
            ParameterError: naming the nearest.
        """
        if name not in self.labels:
            raise ParameterError(f"label {name!r} is unknown; {nearest(name, self.labels)}")
        return self.labels.index(name)

    def parameters_of(self, label: str | None) -> dict[str, int]:
        """Names that can be set for a label, with their positions in `parameters`."""
        return {p.name: i for i, p in enumerate(self.parameters) if p.label in (None, label)}

    def parameter_index(self, name: str, label: str | None) -> int:
        """Position of a parameter of a label, by its bare name.

        Raises:
            ParameterError: if the label has none of that name; names the nearest.
        """
        known = self.parameters_of(label)
        if name not in known:
            raise ParameterError(
                f"parameter {name!r} does not belong to {label or 'this model'}; {nearest(name, known)}"
            )
        return known[name]


@dataclass(frozen=True, slots=True)
class Mix:
    """How much of each field every frame is asked for, where one sound passes into another.

    Attributes:
        labels: shares of the labels of a schema, 0…1 each and at most 1 together; the rest is that of Condition.labels.
        values: shares of the parameters, 0…1 each; the rest is as if the parameter were not given.
    """

    labels: Float[Tensor, "batch frame label"]
    values: Float[Tensor, "batch frame parameter"]


@dataclass(frozen=True, slots=True)
class Condition:
    """What is asked of every frame of every row.

    Attributes:
        labels: positions in Schema.labels; -1 where no label is given.
        values: parameters normalised to 0…1 in the order of Schema.parameters; NaN where one is not given.
        mix: shares, where labels pass into one another; None asks for all of what is given.
    """

    labels: Int64[Tensor, "batch frame"]
    values: Float[Tensor, "batch frame parameter"]
    mix: Mix | None = None

    @classmethod
    def empty(cls, batch: int, frames: int, parameters: int) -> "Condition":
        """Nothing asked: the unconditioned model."""
        return cls(torch.full((batch, frames), -1), torch.full((batch, frames, parameters), math.nan))

    @classmethod
    def joined(cls, parts: "Sequence[Condition]") -> "Condition":
        """Rows of several conditions of equal length, one after the other."""
        labels, values = torch.cat([p.labels for p in parts]), torch.cat([p.values for p in parts])
        known = next((p.mix for p in parts if p.mix is not None), None)
        if known is None:
            return cls(labels, values)
        mixes = [p.mix or p._unmixed(known.labels.shape[2]) for p in parts]
        return cls(labels, values, Mix(torch.cat([m.labels for m in mixes]), torch.cat([m.values for m in mixes])))

    def at(self, frames: slice | Int64[Tensor, " chosen"]) -> "Condition":
        """The same condition for some frames only."""
        return self._each(lambda field: field[:, frames])

    def rows(self, index: Int64[Tensor, " chosen"]) -> "Condition":
        """The same condition for some rows only."""
        return self._each(lambda field: field[index])

    def held(self, batch: int, frames: int) -> "Condition":
        """The same for more rows where there is one, and for more frames where there is one."""
        if self.labels.shape == (batch, frames):
            return self
        return self._each(lambda field: field.expand(batch, frames, *field.shape[2:]))

    def unlabelled(self) -> "Condition":
        """The same without a label: the parameters, and their shares, stay."""
        mix = self.mix and Mix(torch.zeros_like(self.mix.labels), self.mix.values)
        return Condition(torch.full_like(self.labels, -1), self.values, mix)

    def to(self, device: torch.device) -> "Condition":
        """The same on another device."""
        if self.labels.device == device:
            return self
        return self._each(lambda field: field.to(device))

    def _each(self, change: Callable[[Tensor], Tensor]) -> "Condition":
        mix = self.mix and Mix(change(self.mix.labels), change(self.mix.values))
        return Condition(change(self.labels), change(self.values), mix)

    def _unmixed(self, labels: int) -> Mix:
        """Shares that ask for what no shares ask."""
        return Mix(self.values.new_zeros(*self.labels.shape, labels), torch.ones_like(self.values))
