"""Import by the name of a format: a foreign file becomes a run like any other."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from smalti.audio import shown
from smalti.config import to_toml
from smalti.core import StoreError
from smalti.store import read_foreign_weights, save_weights
from smalti.systems.vocoder import VocoderRunConfig
from smalti.systems.vocoder.foreign import adopt
from smalti.train import RunFolder

_WORDS = "config.json"
_MOST_WORDS = 2**20
_NEVER = (".yml", ".yaml")


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What was imported.

    Attributes:
        run: the run folder.
        format, net, picture: what it is.
        parameter_count: numbers that it has learnt.
        ignored: files beside it that might have been meant, and were not read.
    """

    run: Path
    format: str
    net: str
    picture: str
    parameter_count: int
    ignored: tuple[str, ...]


def import_weights(format: str, file: Path, *, to: Path, picture: str = "") -> ImportReport:
    """Import a vocoder's weights; nothing is written before all of them are found good, and nothing in them is run.

    A config.json beside the file is read as data. YAML is never read: it can hold code, and shapes say the same.

    Args:
        format: one of `smalti.systems.vocoder.foreign.FORMATS`.
        file: a PyTorch checkpoint or .safetensors file.
        to: the run folder.
        picture: mel preset it was made for; by default the one its authors publish.
    Raises:
        StoreError: if the file is refused (says why), or the folder holds something else.
    """
    if file.suffix.lower() in _NEVER:
        raise StoreError(f"{shown(file)} is YAML, which can hold code and is never read; name the file of weights")
    vocoder = adopt(format, read_foreign_weights(file), _words(file), picture=picture)
    config = VocoderRunConfig(model=vocoder.config)
    run = RunFolder.start(to, to_toml(config))
    save_weights(run.weights_path, vocoder.net.state_dict(), {"system": config.system, "imported": format})
    beside = sorted(path.name for path in file.parent.iterdir() if path.suffix.lower() in _NEVER)
    return ImportReport(
        run=to,
        format=format,
        net=vocoder.config.net.kind,
        picture=vocoder.config.picture,
        parameter_count=vocoder.parameter_count,
        ignored=tuple(beside),
    )


def _words(file: Path) -> dict[str, Any]:
    path = file.with_name(_WORDS)
    if not path.is_file():
        return {}
    try:
        if path.stat().st_size > _MOST_WORDS:
            raise StoreError(f"{shown(path)} is larger than 1 MiB, wanted a few settings; move it away")
        words = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise StoreError(f"{shown(path)} cannot be read as JSON: {error}; repair it or move it away") from None
    if not isinstance(words, dict):
        raise StoreError(f"{shown(path)} holds no settings, wanted a JSON object; repair it or move it away")
    return words
