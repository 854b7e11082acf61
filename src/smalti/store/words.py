"""What a token model fits and can be told, in words, so that its weights file says it by itself."""

import json
from collections.abc import Mapping
from dataclasses import asdict

from smalti.core import Parameter, Schema, TokenSpec


def to_words(spec: TokenSpec, schema: Schema) -> dict[str, str]:
    """Spec and schema as the metadata of a weights file."""
    return {"spec": json.dumps(asdict(spec)), "schema": json.dumps(asdict(schema))}


def from_words(words: Mapping[str, str]) -> tuple[TokenSpec, Schema]:
    """What `to_words` wrote.

    Raises:
        KeyError, TypeError, ValueError: if it did not write this.
    """
    schema = json.loads(words["schema"])
    parameters = tuple(Parameter(**parameter) for parameter in schema["parameters"])
    return TokenSpec(**json.loads(words["spec"])), Schema(tuple(schema["labels"]), parameters)
