"""Encoders with all that tells their frames from those of others, for what is learnt of them and kept."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from smalti.core import Encoder
from smalti.features import LogMelEncoder
from smalti.systems.hearing import RunName, heard_as
from smalti.systems.pretrained import PretrainedEncoder
from smalti.systems.registry import CONFIG, find_run, load_encoder

_FILES = (CONFIG, "weights.safetensors")


@dataclass(frozen=True, slots=True)
class NamedEncoder:
    """An encoder with its name for people and the fingerprint of all that decides its frames."""

    encoder: Encoder
    name: str
    fingerprint: str


def named_encoder(run: RunName, *, layer: int | None = None) -> NamedEncoder:
    """Open an encoder; arguments and errors as of `load_encoder`."""
    named, folder = heard_as(run), find_run(run)
    found = load_encoder(run, layer=layer)
    if isinstance(found, PretrainedEncoder):
        return NamedEncoder(found, f"{folder.name} layer {found.layer}", found.fingerprint)
    if isinstance(found, LogMelEncoder):
        return NamedEncoder(found, str(named.run), hashlib.sha256(repr(found.picture).encode()).hexdigest())
    chosen = f"layer {layer}" if layer else ""
    said = " ".join(word for word in (folder.name, str(named.view), chosen) if word)
    return NamedEncoder(found, said, run_fingerprint(folder, f"hop {found.hop} {chosen}".strip()))


def run_fingerprint(folder: Path, words: str) -> str:
    """SHA-256 (hex) of a run's settings and weights, and of a text."""
    digest = hashlib.sha256(words.encode())
    for file in (folder / name for name in _FILES):
        digest.update(file.read_bytes() if file.is_file() else b"")
    return digest.hexdigest()
