"""JSON that knows its own SHA-256: any changed byte shows."""

import hashlib
import json
from typing import Any


def signed_json(fields: dict[str, Any]) -> bytes:
    """The bytes of a signed file; equal fields give equal bytes."""
    digest = hashlib.sha256(_render(fields)).hexdigest()
    return _render({**fields, "sha256": digest})


def read_signed(data: bytes) -> dict[str, Any]:
    """The fields that were signed.

    Raises:
        ValueError: if a byte has changed, or it was never signed.
    """
    try:
        fields: dict[str, Any] = json.loads(data)
        del fields["sha256"]
    except (TypeError, KeyError, AttributeError, RecursionError) as error:
        raise ValueError("not signed") from error
    if signed_json(fields) != data:
        raise ValueError("changed")
    return fields


def _render(fields: dict[str, Any]) -> bytes:
    return json.dumps(fields, sort_keys=True, indent=1).encode()
