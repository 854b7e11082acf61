"""Weights that others have written: tensors and nothing else, whatever the file would like to be.

safetensors cannot hold code. A PyTorch file is a pickle, which can: it is read by torch's own restricted reader
(weights only), in a process of its own with limits on memory and time, whose only product is a safetensors file.
"""

import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from safetensors import SafetensorError, safe_open
from torch import Tensor

from smalti.core import StoreError

_MOST_BYTES = 8 * 2**30
_MOST_PICKLE = 64 * 2**20
_MOST_ENTRIES = 100_000
_SECONDS = 300
_ZIP, _PICKLE = b"PK\x03\x04", b"\x80"
_CHILD = "import sys; from smalti.store.unpickling import copy_tensors; copy_tensors(*sys.argv[1:])"


def read_foreign_weights(path: Path) -> dict[str, Tensor]:
    """All tensors of a .safetensors file or a PyTorch checkpoint, by name; below a top-level key as `key/name`.

    Nothing in the file is run. What is no tensor (step counts, settings) is left out.

    Raises:
        StoreError: if it is missing, of another kind, too large, damaged, or wants code to be run; says which.
    """
    try:
        with path.open("rb") as file:
            start = file.read(9)
        size = path.stat().st_size
    except OSError as error:
        raise StoreError(f"{path} cannot be read: {error.strerror}; name a file of weights") from None
    if size > _MOST_BYTES:
        raise StoreError(f"{path} holds {size} bytes, wanted at most {_MOST_BYTES}; name a file of weights")
    if start.startswith(_ZIP):
        _check_archive(path)
    elif not start.startswith(_PICKLE):
        if start[8:9] != b"{":
            raise StoreError(
                f"{path} is no file of weights, wanted .safetensors or a PyTorch checkpoint; "
                "name one (text such as YAML is never read)"
            )
        return _read_safetensors(path)
    with tempfile.TemporaryDirectory(prefix="smalti-") as folder:
        copy = Path(folder) / "weights.safetensors"
        _copy_in_a_process_of_its_own(path, copy, size)
        return _read_safetensors(copy)


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    try:
        with safe_open(path, framework="pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise StoreError(f"{path} cannot be read as weights: {error}; get it again") from None


def _check_archive(path: Path) -> None:
    """Refuse an archive that would grow when it is read: PyTorch stores tensors as they are."""
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise StoreError(f"{path} is a damaged archive: {error}; get it again") from None
    grown = sum(entry.file_size for entry in entries)
    pickles = [entry.file_size for entry in entries if entry.filename.endswith(".pkl")]
    if len(entries) > _MOST_ENTRIES or grown > 2 * path.stat().st_size or max(pickles, default=0) > _MOST_PICKLE:
        raise StoreError(f"{path} would unpack to {grown} bytes in {len(entries)} parts, which no weights do; leave it")
    if not pickles:
        raise StoreError(f"{path} is an archive of something else, wanted a PyTorch checkpoint; name the right file")


def _copy_in_a_process_of_its_own(path: Path, copy: Path, size: int) -> None:
    command = [sys.executable, "-c", _CHILD, str(path.absolute()), str(copy), str(size), str(_SECONDS)]
    try:
        done = subprocess.run(command, capture_output=True, timeout=2 * _SECONDS, check=False)
    except subprocess.TimeoutExpired:
        raise StoreError(f"{path} could not be read within {2 * _SECONDS} s; leave it") from None
    if done.returncode or not copy.is_file():
        said = (done.stderr.decode(errors="replace").strip().splitlines() or [f"exit code {done.returncode}"])[-1]
        reason = said.partition("StoreError: ")[2] or said
        raise StoreError(f"{path} is refused, it is no plain file of weights: {reason[:300]}; nothing in it was run")
