"""Settings as TOML that reads back to equal settings: what a run folder keeps."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel

from smalti.config.settings import Settings
from smalti.core import ConfigError

_BARE = re.compile(r"[A-Za-z0-9_-]+")


def to_toml(settings: Settings) -> str:
    """Every value, in the order of the fields: plain ones first, then one table for each nested settings.

    `load_settings(type(settings), to_toml(settings)) == settings`. TOML has no null: a field that is None is left out.

    Raises:
        ConfigError: if a field is None and that is not its default, as it would read back differently.
    """
    _refuse_lost_none(settings)
    return "\n".join(_table(settings.model_dump(mode="json"), ())).strip("\n") + "\n"


def _refuse_lost_none(settings: BaseModel) -> None:
    for name, field in type(settings).model_fields.items():
        value = getattr(settings, name)
        if value is None and field.get_default(call_default_factory=True, validated_data={}) is not None:
            raise ConfigError(f"{name} is None, which TOML cannot say; make None its default or choose a value")
        for inner in value if isinstance(value, tuple | list) else [value]:
            if isinstance(inner, BaseModel):
                _refuse_lost_none(inner)


def _table(data: Mapping[str, Any], above: tuple[str, ...]) -> Iterator[str]:
    below = {key: value for key, value in data.items() if isinstance(value, dict)}
    for key, value in data.items():
        if key not in below and value is not None:
            yield f"{_key(key)} = {_value(value)}"
    for key, value in below.items():
        path = (*above, key)
        yield f"\n[{'.'.join(_key(part) for part in path)}]"
        yield from _table(value, path)


def _key(key: str) -> str:
    return key if _BARE.fullmatch(key) else _string(key)


def _value(value: Any) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case int() | float():
            return repr(value)
        case str():
            return _string(value)
        case list():
            return f"[{', '.join(_value(item) for item in value)}]"
        case dict():
            pairs = (f"{_key(key)} = {_value(item)}" for key, item in value.items() if item is not None)
            return f"{{{', '.join(pairs)}}}"
        case _:
            raise ConfigError(
                f"found {value!r}, which TOML cannot hold; use text, numbers, true/false, lists or tables"
            )


def _string(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
