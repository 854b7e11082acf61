"""One answer to: is this run, store or token file whole?"""

from collections.abc import Callable
from pathlib import Path

from smalti.core import StoreError
from smalti.store.checkpoint import checkpoints
from smalti.store.checksums import damaged
from smalti.store.dac_files import MOST_VOCAB, read_dac
from smalti.store.index import INDEX
from smalti.store.parts import is_unfinished, verify_parts
from smalti.store.shards import verify_store
from smalti.store.smt import SmtReader
from smalti.store.weights import load_weights

_CONFIG, _WEIGHTS, _LOADED = "config.toml", "weights.safetensors", "loaded.safetensors"
_KEPT = ("tokenizer", "encoder", "tokenizer/encoder")  # runs within runs and stores


def verify(path: Path) -> list[str]:
    """Check a run folder, token store, weights, .smt or .dac file; what is wrong, an empty list if nothing is.

    Every byte is checked, but of a .dac file, which has no checksums, whether it can be read.

    Raises:
        StoreError: if it is none of these.
    """
    if path.is_file() and path.suffix == ".safetensors":
        return _problem(lambda: load_weights(path))
    if path.is_file() and path.suffix == ".dac":
        return _problem(lambda: read_dac(path, vocab=MOST_VOCAB))
    if path.is_file():
        return _verify_smt(path)
    if (path / INDEX).exists() or any(path.glob("shard-*.safetensors")):
        return _verify_store(path)
    if (path / _CONFIG).exists():
        return _verify_run(path)
    if is_unfinished(path):
        return verify_parts(path)
    found = (
        "an empty folder" if path.is_dir() and not any(path.iterdir()) else "neither" if path.exists() else "nothing"
    )
    raise StoreError(f"{path} is {found}, wanted a run, a token store or a .smt file; name one")


def _verify_smt(path: Path) -> list[str]:
    def read_all() -> None:
        with SmtReader(path) as reader:
            for _ in reader.blocks():
                pass

    return _problem(read_all)


def _verify_store(path: Path) -> list[str]:
    try:
        problems = [f"{path}: {problem}" for problem in verify_store(path)]
    except StoreError as error:
        problems = [str(error)]
    return problems + _verify_weights(*(path / name / _WEIGHTS for name in _KEPT))


def _verify_run(path: Path) -> list[str]:
    problems = [f"{folder}: {said}" for folder in checkpoints(path) for said in damaged(folder)]
    kept = [path / name / _WEIGHTS for name in _KEPT]
    return problems + _verify_weights(path / _WEIGHTS, path / _LOADED, *kept)


def _verify_weights(*paths: Path) -> list[str]:
    return [said for path in paths if path.exists() for said in _problem(lambda path=path: load_weights(path))]


def _problem(read: Callable[[], object]) -> list[str]:
    try:
        read()
    except StoreError as error:
        return [str(error)]
    return []
