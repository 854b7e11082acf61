"""index.json, the last file of a token store: it exists only if the store is whole, and any changed byte shows."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from smalti.core import StoreError, TokenSpec
from smalti.store.atomic import write_bytes
from smalti.store.signed import read_signed, signed_json

INDEX, CLIPS, TRACKS = "index.json", "clips.parquet", "tracks.parquet"
_VERSION = 1


@dataclass(frozen=True, slots=True)
class Index:
    """What a store holds.

    Attributes:
        spec: of all codes.
        shard_clips: rows of the clip list that each shard stands for, before failures.
        counts: clips in each shard that did not fail.
        failed: path and reason of each clip that has no codes.
        files: SHA-256 by file name, of every other file.
    """

    spec: TokenSpec
    shard_clips: int
    counts: tuple[int, ...]
    failed: tuple[tuple[str, str], ...]
    files: Mapping[str, str]


def shard_name(number: int) -> str:
    """File name of a shard."""
    return f"shard-{number:05d}.safetensors"


def save_index(folder: Path, index: Index) -> None:
    """Write index.json atomically."""
    write_bytes(folder / INDEX, signed_json({"version": _VERSION, **asdict(index)}))


_NO_STORE = "is no token store; name one, or make one of recordings (smalti encode CODEC --data MANIFEST --to STORE)"


def load_index(folder: Path) -> Index:
    """Read index.json and check every byte of it.

    Raises:
        StoreError: if there is none (no store, or an unfinished one) or it is damaged.
    """
    path = folder / INDEX
    try:
        data = path.read_bytes()
    except OSError:
        began = any(folder.glob("shard-*.safetensors"))
        reason = "is unfinished; run the same encode command again" if began else _NO_STORE
        raise StoreError(f"{folder} {reason}") from None
    try:
        return _parse(data)
    except (ValueError, TypeError, KeyError):
        raise StoreError(f"{path} is damaged; run the same encode command again to repair it") from None


def _parse(data: bytes) -> Index:
    fields = read_signed(data)
    if fields.pop("version") != _VERSION:
        raise ValueError
    counts, failed = tuple(fields.pop("counts")), tuple((path, reason) for path, reason in fields.pop("failed"))
    return Index(spec=TokenSpec(**fields.pop("spec")), counts=counts, failed=failed, **fields)
