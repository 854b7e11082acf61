"""Weights as safetensors that know their own SHA-256: a flipped bit is an error, never a slightly worse model."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import safetensors.torch
import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from smalti.core import StoreError
from smalti.store.atomic import write_bytes

# One metadata key only: safetensors writes several in random order, and equal runs shall give equal files.
_KEY = "smalti"


@dataclass(frozen=True, slots=True)
class Weights:
    """What a weights file holds: named tensors and a few words about them."""

    tensors: dict[str, Tensor]
    metadata: dict[str, str]


def fingerprint(tensors: Mapping[str, Tensor], settings_text: str) -> str:
    """SHA-256 (hex) of sorted names, dtypes, shapes and bytes, and of a text: who made these codes."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name].detach().cpu().contiguous()
        digest.update(f"{name}\0{tensor.dtype}\0{list(tensor.shape)}\0".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    digest.update(settings_text.encode())
    return digest.hexdigest()


class LiveFingerprint:
    """The fingerprint of a model that may still learn: hashed anew only if one of its tensors was written to since."""

    def __init__(self) -> None:
        self._written: tuple[int, ...] | None = None
        self._found = ""

    def of(self, tensors: Mapping[str, Tensor], settings_text: str) -> str:
        """As `fingerprint`; the text must always be the same."""
        written = tuple(part for value in tensors.values() for part in (value.data_ptr(), value._version))
        if self._written != written:
            self._written, self._found = written, fingerprint(tensors, settings_text)
        return self._found


def save_weights(path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> None:
    """Replace a weights file atomically.

    Raises:
        StoreError: if a value is not finite (names the tensor), or there is no space left.
    """
    write_bytes(path, encode_weights(tensors, metadata))


def encode_weights(tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> bytes:
    """The bytes of a weights file; equal tensors and metadata give equal bytes.

    Raises:
        StoreError: if a value is not finite, or of a type that safetensors cannot hold.
    """
    refuse_non_finite(tensors)
    words = json.dumps(dict(metadata), sort_keys=True)
    signed = {"sha256": fingerprint(tensors, words), "words": json.loads(words)}
    # Cloned, because safetensors refuses tensors that share their memory, as tied weights do.
    copies = {
        name: tensor.detach().cpu().clone(memory_format=torch.contiguous_format) for name, tensor in tensors.items()
    }
    try:
        return safetensors.torch.save(copies, {_KEY: json.dumps(signed, sort_keys=True)})
    except (SafetensorError, KeyError) as error:
        raise StoreError(f"these tensors cannot be stored: {error}; use floats, integers or booleans") from error


def load_weights(path: Path) -> Weights:
    """Read weights and check every byte of them before they are used.

    Raises:
        StoreError: if the file is missing, cut, changed, or not written by smalti.
    """
    try:
        with safe_open(path, framework="pt") as file:
            signed = json.loads((file.metadata() or {})[_KEY])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        digest, metadata = str(signed["sha256"]), dict(signed["words"])
    except (OSError, SafetensorError, RecursionError) as error:
        raise StoreError(f"{path} cannot be read as weights: {error}; restore it or train again") from None
    except (KeyError, TypeError, ValueError):
        raise StoreError(f"{path} was not written by smalti, wanted its weights file; name the right file") from None
    if fingerprint(tensors, json.dumps(metadata, sort_keys=True)) != digest:
        raise StoreError(f"{path} is damaged: its SHA-256 differs; restore it or train again")
    return Weights(tensors, metadata)


def refuse_non_finite(tensors: Mapping[str, Tensor]) -> None:
    """Raise a StoreError naming the first tensor that holds NaN or Inf."""
    for name, tensor in tensors.items():
        if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
            raise StoreError(
                f"{name} holds NaN or Inf, which is never saved; lower the learning rate or check the data"
            )
