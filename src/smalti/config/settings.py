"""The one way from text to settings. Nothing is guessed, coerced or dropped; all problems come in one message."""

import datetime
import json
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from smalti.config.lines import line_of
from smalti.config.suggest import KIND, comes_in_kinds, suggestion
from smalti.core import ConfigError

_MOST_BYTES = 1 << 20


class Settings(BaseModel):
    """A frozen set of named values; unknown names are errors. Subclass it and give every field a sentence."""

    model_config = ConfigDict(extra="forbid", frozen=True)


S = TypeVar("S", bound=Settings)
_Problem = tuple[int, str]


def load_settings(cls: type[S], source: Path | str, overrides: Sequence[str] = ()) -> S:
    """Read settings from a TOML file (`Path`) or TOML text (`str`), then apply `key.sub=value` overrides.

    Override values are TOML literals; a bare word is a string. A word for a table that comes in kinds names its kind
    and leaves the rest: `optimiser=adam` is `optimiser.kind=adam`. Empty text gives the defaults, if `cls` has all.

    Raises:
        ConfigError: listing every problem, one a line: line number or override, key, what was found, what was wanted.
    """
    name, text = _text(source)
    data = _parse(name, text)
    problems = list(_apply(cls, data, overrides))
    told = [_split(item)[0] for item in overrides]
    try:
        # By way of JSON, because strict JSON takes a list for a tuple and an int for a float, and nothing else.
        settings = cls.model_validate_json(json.dumps(data, default=_no_such_type), strict=True)
    except ValidationError as error:
        for detail in error.errors(include_url=False):
            problems.append(_problem(cls, text, told, {**detail, "loc": _path(data, detail["loc"])}))
        raise ConfigError(_message(name, problems)) from None
    if problems:
        raise ConfigError(_message(name, problems))
    return settings


def differences(found: str, wanted: str) -> list[str]:
    """Dotted keys whose values differ between two TOML texts, sorted."""
    first, second = (dict(_flat(tomllib.loads(text))) for text in (found, wanted))
    missing = object()
    keys = first.keys() | second.keys()
    return sorted(key for key in keys if repr(first.get(key, missing)) != repr(second.get(key, missing)))


def _text(source: Path | str) -> tuple[str, str]:
    if isinstance(source, str):
        return "settings", source
    try:
        if source.stat().st_size > _MOST_BYTES:
            raise ConfigError(f"{source} is larger than 1 MiB, wanted a file of settings; name the right file")
        return str(source), source.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise ConfigError(f"{source} cannot be read as settings: {reason}; name a TOML file") from None


def _parse(name: str, text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise ConfigError(f"{name}: is nested without end, wanted a table of settings; write it anew") from None
    except tomllib.TOMLDecodeError as error:
        found = re.search(r"\(at line (\d+)", str(error))
        line = int(found[1]) if found else text.count("\n") + 1
        said = re.sub(r" \(at .*", "", str(error)).replace("Cannot overwrite a value", "this key is given twice")
        row = text.split("\n")[line - 1].strip()
        raise ConfigError(f"{name}: line {line}: {said} in `{row[:80]}`; correct this line first") from None


def _split(override: str) -> tuple[str, str]:
    key, _, value = override.partition("=")
    return key.strip(), value.strip()


def _apply(cls: type[Settings], data: dict[str, Any], overrides: Sequence[str]) -> Iterator[_Problem]:
    for item in overrides:
        key, text = _split(item)
        if "=" not in item or not all(key.split(".")):
            yield 0, f"override {item!r}: wanted key=value, such as train.steps=200"
            continue
        try:
            value = _literal(text)
        except tomllib.TOMLDecodeError as error:
            yield 0, f"override {item!r}: {text!r} is no TOML value ({error}); write key=value"
            continue
        names = key.split(".")
        if isinstance(value, str) and comes_in_kinds(cls, names):
            names.append(KIND)
        if blocked := _put(data, names, value):
            yield 0, f"override {item!r}: {blocked} is a value, wanted a table; override {blocked} itself"


def _put(data: dict[str, Any], names: Sequence[str], value: Any) -> str:
    """Set a nested value; the dotted name of what is in the way, if something is."""
    for depth, name in enumerate(names[:-1], 1):
        below: Any = data.setdefault(name, {})
        if not isinstance(below, dict):
            return ".".join(names[:depth])
        data = below
    data[names[-1]] = value
    return ""


def _literal(text: str) -> Any:
    try:
        parsed = tomllib.loads(f"value = {text}")
    except tomllib.TOMLDecodeError:
        if text[:1] in {'"', "'", "[", "{"} or "\n" in text:
            raise
        return text
    return parsed["value"] if len(parsed) == 1 else text


def _no_such_type(value: object) -> str:
    if isinstance(value, datetime.date | datetime.datetime | datetime.time):
        return value.isoformat()
    raise TypeError(f"TOML has no {type(value).__name__}")


def _problem(cls: type[Settings], text: str, told: Sequence[str], detail: Mapping[str, Any]) -> _Problem:
    names: list[str] = detail["loc"]
    key = ".".join(names)
    said = _said(cls, key, detail)
    if any(key == one or key.startswith(one + ".") or one.startswith(key + ".") for one in told):
        return 0, f"override {key}: {said}"
    line = line_of(text, names) if detail["type"] != "missing" else line_of(text, names[:-1])
    return line, f"line {line}: {key}: {said}" if line else f"{key}: {said}"


def _path(data: Any, place: Sequence[str | int]) -> list[str]:
    """Where an error is in the text: without the tags that pydantic adds for the members of a union."""
    names: list[str] = []
    for part in place[:-1]:
        inner: Any = dict(enumerate(data)) if isinstance(data, list) else data
        if isinstance(inner, dict) and part in inner:
            data = inner[part]
            names.append(str(part))
    return [*names, str(place[-1])]


def _said(cls: type[Settings], key: str, detail: Mapping[str, Any]) -> str:
    if detail["type"] == "extra_forbidden":
        return f"unknown; {suggestion(key, cls)}"
    if detail["type"] == "missing":
        return "missing, and it has no default; add it"
    if detail["type"] == "union_tag_not_found":
        return f"found a table that does not say its {KIND}; add {key}.{KIND}"
    wanted = str(detail["msg"]).replace("Input should be ", "").replace("Value error, ", "")
    return f"found {_shown(detail['input'])}, wanted {wanted}"


def _shown(value: object) -> str:
    shown = "a table" if isinstance(value, dict) else repr(value)
    return shown if len(shown) <= 60 else shown[:57] + "…"


def _message(name: str, problems: Sequence[_Problem]) -> str:
    lines = [said for _, said in sorted(problems, key=lambda problem: problem[0])]
    if len(lines) == 1:
        return f"{name}: {lines[0]}"
    return "\n  ".join([f"{name}: {len(lines)} problems", *lines])


def _flat(table: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in table.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{above}{key}.")
        else:
            yield above + key, value
