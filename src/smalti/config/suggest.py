"""What was meant by a key that does not exist."""

from collections.abc import Iterator
from difflib import SequenceMatcher
from typing import Any, get_args

from pydantic import BaseModel

_CLOSE = 0.6
_ELSEWHERE = 0.1  # a key in another table must be that much closer to win


def suggestion(key: str, cls: type[BaseModel]) -> str:
    """Finish a refusal: the known dotted key closest to this one, or the names that may stand there."""
    table = key.rpartition(".")[0]
    known = list(_keys(cls))
    scored = [(_likeness(key, one), one) for one in known]
    score, best = max(scored, default=(0.0, ""), key=lambda pair: pair[0])
    if score >= _CLOSE:
        return f"did you mean {best}?"
    beside = [one for one in known if one.rpartition(".")[0] == table]
    return f"known: {', '.join(beside[:12]) + (', …' if len(beside) > 12 else '') or 'none'}"


def _likeness(key: str, known: str) -> float:
    (table, _, name), (known_table, _, known_name) = key.rpartition("."), known.rpartition(".")
    if table == known_table:
        return _ratio(name, known_name)
    return max(_ratio(key, known), _ratio(name, known_name)) - _ELSEWHERE


def _ratio(found: str, known: str) -> float:
    return SequenceMatcher(None, found.lower().replace("-", "_"), known.lower(), autojunk=False).ratio()


def _keys(cls: type[BaseModel], above: str = "") -> Iterator[str]:
    for name, field in cls.model_fields.items():
        yield above + name
        for below in _models(field.annotation):
            yield from _keys(below, f"{above}{name}.")


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    """Settings classes inside an annotation such as `Optimiser | None`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _models(part)
