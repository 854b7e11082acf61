"""Checkpoints: everything a run needs to go on, in folders that are checked before they are believed.

RUN/checkpoints/step-00000100/   model.safetensors · optimiser.safetensors · … · state.json · SHA256SUMS
RUN/latest                       the name of the newest, replaced after it is whole
"""

import logging
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from smalti.core import StoreError
from smalti.store.atomic import remove_folder, replace_folder, write_bytes
from smalti.store.checksums import damaged, write_sums
from smalti.store.flatten import flatten, unflatten
from smalti.store.weights import encode_weights, load_weights

_log = logging.getLogger(__name__)
_FOLDER, _LATEST, _STATE = "checkpoints", "latest", "state.json"
_STEP = re.compile(r"step-(\d{8,})")
_FILE_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A state, the number of finished steps it was saved at, and where it lies."""

    step: int
    state: dict[str, Any]
    folder: Path


def save_checkpoint(folder: Path, state: Mapping[str, Any]) -> None:
    """Save a nested state atomically: the tensors below each top-level key in a file of that name.

    Args:
        state: dicts (text or int keys), lists, tuples, tensors, numbers, text and None, nested in any way.
    Raises:
        StoreError: if a tensor is not finite, a value cannot be stored, or there is no space left.
    """
    text, tensors = flatten(state)
    files = {f"{name}.safetensors": encode_weights(part, {}) for name, part in _by_file(tensors).items()}
    files[_STATE] = text.encode()
    with replace_folder(folder, size=sum(len(data) for data in files.values())) as temp:
        for name, data in files.items():
            (temp / name).write_bytes(data)
        write_sums(temp)


def load_checkpoint(folder: Path) -> dict[str, Any]:
    """Load what `save_checkpoint` saved, after checking every byte.

    Raises:
        StoreError: if anything is missing or damaged; says which file.
    """
    if not folder.is_dir():
        raise StoreError(f"{folder} is missing, wanted a checkpoint folder; name another or train again")
    if problems := damaged(folder):
        raise StoreError(f"{folder} is damaged: {'; '.join(problems)}; use another checkpoint")
    tensors: dict[str, Tensor] = {}
    for path in sorted(folder.glob("*.safetensors")):
        tensors |= load_weights(path).tensors
    try:
        text = (folder / _STATE).read_bytes()
    except OSError as error:
        raise StoreError(f"{folder} has no {_STATE}: {error.strerror}; use another checkpoint") from None
    return unflatten(text, tensors)


def save_latest(run: Path, step: int, state: Mapping[str, Any], *, keep: int = 3) -> Path:
    """Save the checkpoint of a step, make it `latest`, then delete older ones and those of an abandoned future.

    Raises:
        StoreError: as `save_checkpoint`, or if what was written does not read back; the others are kept then.
    """
    folder = run / _FOLDER / f"step-{step:08d}"
    save_checkpoint(folder, state)
    if problems := damaged(folder):
        raise StoreError(f"{folder} does not read back: {'; '.join(problems)}; check the disk, then resume")
    write_bytes(run / _LATEST, f"{_FOLDER}/{folder.name}\n".encode())
    others = [path for path in checkpoints(run) if path != folder]
    older, abandoned = [p for p in others if _step(p) < step], [p for p in others if _step(p) > step]
    for path in older[keep - 1 :] + abandoned:
        remove_folder(path)
    return folder


def load_latest(run: Path) -> Checkpoint | None:
    """Load the newest checkpoint that is whole; None if the run has none yet.

    A damaged one is passed over with a warning in the log.

    Raises:
        StoreError: if there are checkpoints and all are damaged.
    """
    said: list[str] = []
    for folder in _candidates(run):
        try:
            checkpoint = Checkpoint(_step(folder), load_checkpoint(folder), folder)
        except StoreError as error:
            said.append(str(error))
            continue
        for line in said:
            _log.warning("%s; falling back to %s", line, folder.name)
        return checkpoint
    if said:
        raise StoreError(f"no checkpoint of {run} can be used: {' | '.join(said)}; train again in another folder")
    return None


def checkpoints(run: Path) -> list[Path]:
    """Checkpoint folders of a run, newest first."""
    root = run / _FOLDER
    found = [path for path in root.iterdir() if _STEP.fullmatch(path.name)] if root.is_dir() else []
    return sorted(found, key=_step, reverse=True)


def _candidates(run: Path) -> Iterator[Path]:
    newest_first = checkpoints(run)
    try:
        said = (run / _LATEST).read_text("utf-8", errors="replace").strip()
    except OSError:
        said = ""
    named = [path for path in newest_first if f"{_FOLDER}/{path.name}" == said]
    yield from named
    yield from (path for path in newest_first if path not in named)


def _step(folder: Path) -> int:
    found = _STEP.fullmatch(folder.name)
    return int(found[1]) if found else -1


def _by_file(tensors: Mapping[str, Tensor]) -> dict[str, dict[str, Tensor]]:
    files: dict[str, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        top = name.partition("/")[0]
        files.setdefault(top if _FILE_NAME.fullmatch(top) else "tensors", {})[name] = tensor
    return files
