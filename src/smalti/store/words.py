"""What a model of tokens or frames fits and can be told, in words, so that its weights file says it by itself."""

import json
from collections.abc import Mapping
from dataclasses import asdict

from smalti.core import Parameter, Schema, TokenSpec


def to_words(spec: TokenSpec, schema: Schema) -> dict[str, str]:
    """Spec and schema as the metadata of a weights file."""
    return {"spec": json.dumps(asdict(spec)), **schema_to_words(schema)}


def from_words(words: Mapping[str, str]) -> tuple[TokenSpec, Schema]:
    """What `to_words` wrote.

    Raises:
        KeyError, TypeError, ValueError: if it did not write this.
    """
    return TokenSpec(**json.loads(words["spec"])), schema_from_words(words)


def schema_to_words(schema: Schema) -> dict[str, str]:
    """A schema alone, for a model of no tokens."""
    return {"schema": json.dumps(asdict(schema))}


def schema_from_words(words: Mapping[str, str]) -> Schema:
    """The schema that `to_words` or `schema_to_words` wrote.

    Raises:
        KeyError, TypeError, ValueError: if they did not write this.
    """
    schema = json.loads(words["schema"])
    parameters = tuple(Parameter(**parameter) for parameter in schema["parameters"])
    return Schema(tuple(schema["labels"]), parameters)
