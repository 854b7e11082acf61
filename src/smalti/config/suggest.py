"""What was meant by a key that does not exist."""

from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from types import UnionType
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel

KIND = "kind"
_CLOSE = 0.6
_ELSEWHERE = 0.1  # a key in another table must be that much closer to win


def suggestion(key: str, cls: type[BaseModel]) -> str:
    """Finish a refusal: the known dotted key closest to this one, or the names that may stand there."""
    table = key.rpartition(".")[0]
    known = list(keys(cls))
    scored = [(_likeness(key, one), one) for one in known]
    score, best = max(scored, default=(0.0, ""), key=lambda pair: pair[0])
    if score >= _CLOSE:
        return f"did you mean {best}?"
    beside = [one for one in known if one.rpartition(".")[0] == table]
    return f"known: {', '.join(beside[:12]) + (', …' if len(beside) > 12 else '') or 'none'}"


def comes_in_kinds(cls: type[BaseModel], names: Sequence[str]) -> bool:
    """Whether a dotted name is a table with a field `kind`."""
    tables = [cls]
    for name in names:
        fields = [table.model_fields[name] for table in tables if name in table.model_fields]
        members = [one for field in fields for one in _members(field.annotation)]
        tables = [one for one in members if isinstance(one, type) and issubclass(one, BaseModel)]
    return any(KIND in table.model_fields for table in tables)


def _members(annotation: Any) -> tuple[Any, ...]:
    """Of a union its members, of anything else itself."""
    return get_args(annotation) if get_origin(annotation) in (Union, UnionType) else (annotation,)


def _likeness(key: str, known: str) -> float:
    (table, _, name), (known_table, _, known_name) = key.rpartition("."), known.rpartition(".")
    if table == known_table:
        return _ratio(name, known_name)
    return max(_ratio(key, known), _ratio(name, known_name)) - _ELSEWHERE


def _ratio(found: str, known: str) -> float:
    return SequenceMatcher(None, found.lower().replace("-", "_"), known.lower(), autojunk=False).ratio()


def keys(cls: type[BaseModel], above: str = "") -> Iterator[str]:
    """Dotted names of all settings of a class, those of every member of a union included."""
    for name, field in cls.model_fields.items():
        yield above + name
        for below in _models(field.annotation):
            yield from keys(below, f"{above}{name}.")


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    """Settings classes inside an annotation such as `Optimiser | None`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _models(part)
