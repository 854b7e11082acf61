"""Reports as JSON: fields that do not apply are left out, and what is not a number in JSON becomes null."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import Any


def to_json(report: object) -> Any:
    """A report, or any part of one, as dicts, lists, strings, numbers and None; fields without a repr stay out."""
    if is_dataclass(report):
        named = {field.name: getattr(report, field.name) for field in fields(report) if field.repr}
        return {name: to_json(value) for name, value in named.items() if value is not None}
    if isinstance(report, Mapping):
        return {str(name): to_json(value) for name, value in report.items()}
    if isinstance(report, Sequence) and not isinstance(report, str):
        return [to_json(value) for value in report]
    if isinstance(report, float) and not math.isfinite(report):
        return None
    return report
