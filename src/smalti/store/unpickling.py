"""What the process does that reads a foreign PyTorch file: limit itself, read weights only, write safetensors.

Its last line on stderr says why, if it could not.
"""

import re
import resource
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch import Tensor

from smalti.core import StoreError

_ROOM = 16 * 2**30  # address space that torch itself may take
_DEPTH = 4


def copy_tensors(source: str, target: str, size: str, seconds: str) -> None:
    """Copy every tensor of a PyTorch file into a safetensors file; numbers come as text, as from a command line.

    Args:
        size: bytes of the source; a few times as many may be allocated.
        seconds: of processor time.
    Raises:
        StoreError: if the file holds anything but plain containers of tensors.
    """
    memory, time = _ROOM + 6 * int(size), int(seconds)
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CPU, (time, time))
    try:
        found: Any = torch.load(source, map_location="cpu", weights_only=True)
    except Exception as error:
        raise StoreError(_reason(str(error))) from None
    tensors = {name: tensor.contiguous().clone() for name, tensor in _tensors(found, (), _DEPTH)}
    safetensors.torch.save_file(tensors, Path(target))


def _reason(said: str) -> str:
    """Torch's long advice, which begins with how to switch its guard off, in a few words."""
    if asked := re.search(r"GLOBAL ([\w.]+)", said):
        return f"it asks for {asked[1]}"
    reason = (said.partition("WeightsUnpickler error: ")[2] or said).partition("Check the documentation")[0]
    return " ".join(reason.split())[:80]


def _tensors(value: Any, above: tuple[str, ...], depth: int) -> Iterator[tuple[str, Tensor]]:
    if isinstance(value, Tensor):
        yield "/".join(above), value
    elif isinstance(value, Mapping) and depth:
        for name, inner in value.items():
            yield from _tensors(inner, (*above, str(name)), depth - 1)
