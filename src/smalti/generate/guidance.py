"""Guidance: logits are pushed away from those of the same model told less, for all fields at once or each on its own.

    logits = asked + Σ (strength - 1) · (asked - less),        one term for each strength that is not 1

where `less` is the same history asked the same without a field: the label, one parameter, all parameters, or all of
them. Each term costs the model one more batch, all in one call; without any, nothing is called and nothing changes.

Source: with the one term for all fields it is eq. 6 of arXiv:2207.12598. Differs: one term for each field, each
against the model that is told all others.
"""

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from smalti.core import Condition, ParameterError, Schema, nearest
from smalti.generate.sampling import Sampling


@dataclass(frozen=True, slots=True)
class _Term:
    """What a model is not told, and how strongly to push away from it."""

    strength: float
    label: bool
    parameters: Bool[Tensor, " parameter"]

    def less(self, asked: Condition) -> Condition:
        values = asked.values.masked_fill(self.parameters.to(asked.values.device), float("nan"))
        less = asked.unlabelled() if self.label else asked
        return Condition(less.labels, values, less.mix)


class Guidance:
    """The pushes that a sampling asks of a model of one schema.

    Attributes:
        times: batches that the model is called with: 1 without guidance.
    """

    def __init__(self, sampling: Sampling, schema: Schema):
        """Find the fields.

        Raises:
            ParameterError: for a field that the schema does not know; names the nearest.
        """
        every = torch.ones(len(schema.parameters), dtype=torch.bool)
        terms = [_Term(sampling.guidance, True, every)]
        terms += [_term(field, strength, schema) for field, strength in sampling.field_guidance]
        self._terms = [term for term in terms if term.strength != 1]
        self._every = sampling.guidance
        self.times = 1 + len(self._terms)

    def at(self, strength: float) -> "Guidance":
        """The same with another strength for all fields at once, which does nothing if they began without."""
        if self._every in (1, strength):
            return self
        moved = copy(self)
        moved._terms, moved._every = [replace(self._terms[0], strength=strength), *self._terms[1:]], strength
        return moved

    def asked(self, condition: Condition) -> Condition:
        """What a batch `times` as large is asked: all of it, then what each other model is told."""
        if self.times == 1:
            return condition
        return Condition.joined([condition, *(term.less(condition) for term in self._terms)])

    def pushed(self, logits: Float[Tensor, "times_batch *rest"]) -> Float[Tensor, "_ *rest"]:
        """The logits of the batch."""
        if self.times == 1:
            return logits
        asked, *others = logits.chunk(self.times)
        return asked + sum((term.strength - 1) * (asked - less) for term, less in zip(self._terms, others, strict=True))


def parse_guidance(texts: Sequence[str]) -> tuple[float, tuple[tuple[str, float], ...]]:
    """Read `1.5` (all fields at once) and `label=2`, `rate=1.5`, `parameters=2` as the two fields of a `Sampling`.

    Raises:
        ParameterError: if a text cannot be read so, or all fields at once are named twice.
    """
    every, fields = list[float](), list[tuple[str, float]]()
    for text in texts:
        field, equals, number = text.rpartition("=")
        try:
            strength = float(number)
        except ValueError:
            strength = None
        if strength is None or (equals and not field.strip()):
            raise ParameterError(f"guidance {text!r} cannot be read; write 1.5, label=2 or rate=1.5")
        if equals:
            fields.append((field.strip(), strength))
        else:
            every.append(strength)
    if len(every) > 1:
        raise ParameterError(f"guidance of all fields is given {len(every)} times; give it once, or name fields")
    return (every[0] if every else 1.0), tuple(fields)


def _term(field: str, strength: float, schema: Schema) -> _Term:
    names = [{parameter.name, parameter.key, "parameters"} for parameter in schema.parameters]
    if field == "label":
        return _Term(strength, True, torch.zeros(len(names), dtype=torch.bool))
    chosen = torch.tensor([field in each for each in names], dtype=torch.bool)
    if field != "parameters" and not chosen.any():
        known = ["label", "parameters", *dict.fromkeys(parameter.key for parameter in schema.parameters)]
        raise ParameterError(f"guidance of {field!r} is unknown; {nearest(field, known)}")
    return _Term(strength, False, chosen)
