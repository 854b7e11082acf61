"""Encoders by name: log-mel frames that are always there, a run that hears in vectors, or a model of others."""

import hashlib
from dataclasses import dataclass

from smalti.core import Codec, Encoder, ParameterError, SpecError
from smalti.features import LogMelEncoder
from smalti.systems.hearing import RunName, heard_as, seen
from smalti.systems.pretrained import is_pretrained, load_pretrained
from smalti.systems.registry import find_run, load

LOG_MEL = "log-mel"
_FILES = ("config.toml", "weights.safetensors")


@dataclass(frozen=True, slots=True)
class NamedEncoder:
    """An encoder with its name for people and the fingerprint of all that decides its frames."""

    encoder: Encoder
    name: str
    fingerprint: str


def load_encoder(run: RunName, *, layer: int | None = None) -> NamedEncoder:
    """Open an encoder.

    Args:
        run: `log-mel`, a run folder, maybe with a rate, or a folder of `transformers`.
        layer: of a model of `transformers`, whose states are given; None is the last.
    Raises:
        ParameterError: for a layer of anything else, or one that is not there.
        SpecError: if the run gives no vectors.
        StoreError: if it is not there or cannot be opened.
    """
    named = heard_as(run)
    folder = find_run(run)
    if is_pretrained(folder):
        found = load_pretrained(folder, layer=layer)
        return NamedEncoder(found, f"{folder.name} layer {found.layer}", found.fingerprint)
    if layer is not None:
        raise ParameterError(f"found layer {layer} for {named.run}, which has none to choose from; leave it out")
    if str(named.run) == LOG_MEL:
        frames = LogMelEncoder()
        return NamedEncoder(frames, LOG_MEL, hashlib.sha256(repr(frames.picture).encode()).hexdigest())
    model = load(folder)
    model = seen(model, named) if isinstance(model, Codec) else model
    if not isinstance(model, Encoder):
        raise SpecError(f"{named.run} gives no vectors of sound, wanted an encoder; name one, or {LOG_MEL}")
    digest = hashlib.sha256(f"hop {model.hop}".encode())
    for file in (folder / name for name in _FILES):
        digest.update(file.read_bytes() if file.is_file() else b"")
    return NamedEncoder(model, f"{folder.name} {named.view}".strip(), digest.hexdigest())
