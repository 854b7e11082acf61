"""Nested state as plain JSON beside named tensors, and back without loss: no pickle anywhere."""

import json
from collections.abc import Mapping
from typing import Any

from torch import Tensor

from smalti.core import StoreError

_TENSOR, _PAIRS, _TUPLE = "$tensor", "$pairs", "$tuple"


def flatten(state: Any) -> tuple[str, dict[str, Tensor]]:
    """Take a state of dicts, lists, tuples, tensors, numbers, text and None apart.

    Returns:
        Its shape as JSON text, and its tensors by the path that leads to them (`optimiser/state/0/step`).
    Raises:
        StoreError: if it holds anything else; says where.
    """
    tensors: dict[str, Tensor] = {}
    return json.dumps(_apart(state, "", tensors), indent=1), tensors


def unflatten(text: str | bytes, tensors: Mapping[str, Tensor]) -> Any:
    """The state that `flatten` took apart.

    Raises:
        StoreError: if text and tensors do not belong together.
    """
    try:
        return _together(json.loads(text), tensors)
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise StoreError(f"this state cannot be put together: {error}; restore the file from a copy") from None


def _apart(value: Any, path: str, tensors: dict[str, Tensor]) -> Any:
    if isinstance(value, Tensor):
        name = path.removeprefix("/") or "value"
        while name in tensors:
            name += "'"
        tensors[name] = value
        return {_TENSOR: name}
    if value is None or type(value) in (bool, int, float, str):
        return value
    if isinstance(value, Mapping):
        return _mapping_apart(value, path, tensors)
    if isinstance(value, list | tuple):
        items = [_apart(item, f"{path}/{i}", tensors) for i, item in enumerate(value)]
        return items if isinstance(value, list) else {_TUPLE: items}
    raise StoreError(f"the state holds {type(value).__name__} at {path or 'its top'}; use tensors, numbers or text")


def _mapping_apart(value: Mapping[Any, Any], path: str, tensors: dict[str, Tensor]) -> Any:
    pairs = [(key, _apart(item, f"{path}/{key}", tensors)) for key, item in value.items()]
    if all(type(key) is str and not key.startswith("$") for key, _ in pairs):
        return dict(pairs)
    if all(type(key) in (str, int) for key, _ in pairs):
        return {_PAIRS: [[key, item] for key, item in pairs]}
    raise StoreError(f"the state at {path or 'its top'} has keys that are neither text nor whole numbers; use those")


def _together(shape: Any, tensors: Mapping[str, Tensor]) -> Any:
    if isinstance(shape, list):
        return [_together(item, tensors) for item in shape]
    if not isinstance(shape, dict):
        return shape
    if _TENSOR in shape:
        return tensors[shape[_TENSOR]]
    if _TUPLE in shape:
        return tuple(_together(item, tensors) for item in shape[_TUPLE])
    if _PAIRS in shape:
        return {key: _together(item, tensors) for key, item in shape[_PAIRS]}
    return {key: _together(item, tensors) for key, item in shape.items()}
