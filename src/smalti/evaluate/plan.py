"""What will be asked of a model: one flat list of requests, so that all labels share their batches."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from smalti.core import Condition, ParameterError, Schema
from smalti.evaluate.sweeps import Sweep

_SEEDS_APART = 1_000_003


@dataclass(frozen=True, slots=True)
class Request:
    """One clip to generate: a label and parameters in their units, both optional, constant over the clip."""

    label: str | None
    values: Mapping[str, float]
    seed: int


@dataclass(frozen=True, slots=True)
class Plan:
    """All requests, and where each question's requests lie.

    Attributes:
        requests: first what sweeps ask, then labels that no sweep asks for, then the nulls.
        asked: of each sweep, by its key.
        null: clips of a label without parameters, by label.
        judged: how many of the first requests are judged as the model's answers; behind these are the nulls.
    """

    requests: list[Request]
    asked: dict[str, range]
    null: dict[str | None, range]
    judged: int


def plan(schema: Schema, sweeps: Sequence[Sweep], *, null_clips: int, clips_per_label: int, seed: int) -> Plan:
    """Requests for every value of every sweep, for the labels without one, and for the nulls.

    A model without labels and sweeps is asked for `clips_per_label` clips of anything.

    Raises:
        ParameterError: if a label or parameter is unknown, a value outside its range, or a sweep comes twice or has
            fewer than two values.
    """
    _refuse_doubles(sweeps)
    requests: list[Request] = []

    def ask(label: str | None, values: Sequence[Mapping[str, float]]) -> range:
        first = len(requests)
        requests.extend(Request(label, v, seed * _SEEDS_APART + first + i) for i, v in enumerate(values))
        return range(first, len(requests))

    asked = {s.key: ask(s.label, [{**s.fixed, s.name: value} for value in s.values]) for s in sweeps}
    swept = {sweep.label: None for sweep in sweeps}
    for label in schema.labels or (None,):
        if label not in swept:
            ask(label, [{}] * clips_per_label)
    judged = len(requests)
    condition_of(requests, schema=schema, frames=1)  # refuses what cannot be asked, before anything is generated
    return Plan(requests, asked, {label: ask(label, [{}] * null_clips) for label in swept}, judged)


def _refuse_doubles(sweeps: Sequence[Sweep]) -> None:
    seen: set[str] = set()
    for sweep in sweeps:
        if sweep.key in seen or len(sweep.values) < 2:
            raise ParameterError(
                f"found {len(sweep.values)} values for {sweep.key}{' again' * (sweep.key in seen)}, "
                "wanted one sweep a parameter, of two values or more"
            )
        seen.add(sweep.key)


def condition_of(requests: Sequence[Request], *, schema: Schema, frames: int) -> Condition:
    """Requests as the condition of a batch, one row each.

    Raises:
        ParameterError: for an unknown label or parameter, or a value outside its range.
    """
    condition = Condition.empty(len(requests), frames, len(schema.parameters))
    for row, request in enumerate(requests):
        if request.label is not None:
            condition.labels[row] = schema.label_index(request.label)
        for name, value in request.values.items():
            position = schema.parameter_index(name, request.label)
            condition.values[row, :, position] = schema.parameters[position].normalise(value)
    return condition
