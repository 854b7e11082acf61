"""The token store: many clips' codes in shards that are a function of the sorted clip list, and of nothing else.

    STORE/shard-00000.safetensors    codes (frame, codebook) uint16 of 256 clips end to end, and where each ends
    STORE/clips.parquet              the table of clips, one row a clip, in the order of the codes
    STORE/tracks.parquet             parameters per frame, if the clips have any
    STORE/index.json                 the spec, the SHA-256 of each file, what failed and why; written last

So a write that is interrupted at any moment continues to the same bytes, and a damaged shard is written again alone.
"""

import hashlib
import json
import logging
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import torch
from jaxtyping import Int64
from safetensors import safe_open
from torch import Tensor

from smalti.core import ParameterError, SpecError, StoreError, Tokens, TokenSpec
from smalti.store.atomic import replace_file, write_bytes
from smalti.store.checksums import sha256
from smalti.store.index import CLIPS, INDEX, TRACKS, Index, load_index, save_index, shard_name
from smalti.store.lock import lock
from smalti.store.weights import load_weights, save_weights

_log = logging.getLogger(__name__)
_MOST_VOCAB = 1 << 16
_MOST_OPEN = 32  # shards

Encode = Callable[[Sequence[int]], Sequence[Tensor | str]]


@dataclass(frozen=True, slots=True)
class StoreReport:
    """What a write of a store did.

    Attributes:
        folder: the store.
        clips: clips it holds.
        failed: path and reason of each clip it does not hold.
        written: shards encoded now.
        kept: shards that were there already and whole.
    """

    folder: Path
    clips: int
    failed: tuple[tuple[str, str], ...]
    written: int
    kept: int


def write_store(
    folder: Path,
    spec: TokenSpec,
    clips: pa.Table,
    encode: Encode,
    *,
    tracks: Path | None = None,
    shard_clips: int = 256,
    progress: Callable[[int, int], None] | None = None,
) -> StoreReport:
    """Write a token store, or what is missing of it.

    Args:
        clips: sorted by `path`, each once; `samples` is the length of each clip at the spec's rate.
        encode: given rows of `clips`, returns for each its codes, Int64 "codebook frame", or in words why it has
            none; called once for each shard that is not there yet.
        tracks: a Parquet file of parameters per frame, copied into the store.
        progress: told (clips done, clips in all) after each shard.
    Raises:
        ParameterError: if the table is not sorted or lacks a column, or codes do not fit their clip or the spec.
        SpecError: if the folder holds tokens of another tokenizer.
        StoreError: if it holds something else, another process writes to it, or there is no space left.
    """
    _refuse_unfit(folder, spec, clips)
    shards: list[_Shard] = []
    with lock(folder):
        (folder / INDEX).unlink(missing_ok=True)  # unfinished until the end
        for number, first in enumerate(range(0, clips.num_rows, shard_clips)):
            part = clips.slice(first, shard_clips)
            rows = range(first, first + part.num_rows)
            shards.append(_shard(folder / shard_name(number), spec, part, lambda rows=rows: encode(rows)))
            if progress is not None:
                progress(rows.stop, clips.num_rows)
        failed = _failures(clips, shards, shard_clips)
        _write_tables(folder, clips, set(failed), tracks)
        said = tuple(failed.items())
        save_index(folder, _index(folder, spec, shards, shard_clips, said))
    written = sum(shard.written for shard in shards)
    return StoreReport(folder, clips.num_rows - len(failed), said, written, len(shards) - written)


class TokenStore:
    """A token store, read lazily: a shard is checked whole when its first clip is asked for, then memory-mapped.

    Attributes:
        folder: where it lies.
        spec: what made the codes.
        clips: one row a clip, in the order of the codes; `path` and `samples` are always there.
        failed: path and reason of each clip that could not be encoded.
    """

    def __init__(self, folder: Path, index: Index, clips: pa.Table) -> None:
        self.folder, self.spec, self.clips, self.failed = folder, index.spec, clips, index.failed
        self._index = index
        self._ends = list(accumulate(index.counts))
        self._checked: set[str] = set()
        self._open: dict[int, tuple[Any, list[int]]] = {}

    @classmethod
    def open(cls, folder: Path) -> "TokenStore":
        """Open a store; a missing or extra shard is a warning in the log, and an error only when it is needed.

        Raises:
            StoreError: if it is no store, unfinished, or its index or clip table is damaged.
        """
        index = load_index(folder)
        for problem in _missing_or_extra(folder, index):
            _log.warning("token store %s: %s; run the same encode command again to repair it", folder, problem)
        _require(folder, index, CLIPS)
        clips = pq.read_table(folder / CLIPS, memory_map=True)
        return cls(folder, index, clips)

    def __len__(self) -> int:
        return self.clips.num_rows

    def codes(self, clip: int) -> Int64[Tensor, "codebook frame"]:
        """Codes of a clip, by its row in `clips`.

        Raises:
            ParameterError: if there is no such row.
            StoreError: if its shard is missing or damaged; names it. Other shards stay readable.
        """
        if not 0 <= clip < len(self):
            raise ParameterError(f"clip {clip} is outside 0…{len(self) - 1}; the store holds {len(self)}")
        number = bisect_right(self._ends, clip)
        row = clip - (self._ends[number - 1] if number else 0)
        codes, ends = self._shard(number)
        return codes[ends[row] : ends[row + 1]].to(torch.int64).T.contiguous()

    def tokens(self, clip: int) -> Tokens:
        """Codes of a clip with their spec and length, checked against the vocabulary.

        Raises:
            ParameterError, StoreError: as `codes`.
        """
        return Tokens(self.codes(clip)[None], self.spec, torch.tensor([self.clips["samples"][clip].as_py()]))

    def tracks(self) -> Path | None:
        """The Parquet file of parameters per frame, checked; None if the store has none.

        Raises:
            StoreError: if it is missing or damaged.
        """
        if TRACKS not in self._index.files:
            return None
        self._require_once(TRACKS)
        return self.folder / TRACKS

    def verify(self) -> list[str]:
        """Check every byte; what is wrong, file by file."""
        return verify_store(self.folder, self._index)

    def _shard(self, number: int) -> tuple[Any, list[int]]:
        if number not in self._open:
            name = shard_name(number)
            self._require_once(name)
            if len(self._open) >= _MOST_OPEN:
                self._open.pop(next(iter(self._open)))
            with safe_open(self.folder / name, framework="pt") as file:
                self._open[number] = file.get_slice("codes"), [0, *file.get_tensor("ends").tolist()]
        return self._open[number]

    def _require_once(self, name: str) -> None:
        if name not in self._checked:
            _require(self.folder, self._index, name)
            self._checked.add(name)


def verify_store(folder: Path, index: Index | None = None) -> list[str]:
    """Check every byte of a store; what is wrong, file by file, an empty list if nothing is.

    Raises:
        StoreError: if its index cannot be read.
    """
    index = index or load_index(folder)
    there = [name for name in sorted(index.files) if (folder / name).is_file()]
    changed = [name for name in there if sha256(folder / name) != index.files[name]]
    return _missing_or_extra(folder, index) + [f"{name} is damaged: its SHA-256 differs" for name in changed]


@dataclass(frozen=True, slots=True)
class _Shard:
    count: int
    failed: dict[int, str]  # by row within the shard
    written: bool


def _shard(path: Path, spec: TokenSpec, part: pa.Table, encode: Callable[[], Sequence[Tensor | str]]) -> _Shard:
    """Keep a shard that is whole and made from these very clips, or write it."""
    paths, samples = part.column("path").to_pylist(), part.column("samples").to_pylist()
    key = hashlib.sha256(json.dumps([asdict(spec), paths, samples], sort_keys=True).encode()).hexdigest()
    failed, written = _failed_in(path, key), False
    if failed is None:
        results = encode()
        if len(results) != part.num_rows:
            raise ParameterError(f"encode gave {len(results)} results for {part.num_rows} clips; give one each")
        good = [_fitting(one, spec, n, path) for one, n, path in zip(results, samples, paths, strict=True)]
        failed = {row: one for row, one in enumerate(results) if isinstance(one, str)}
        _write_shard(path, spec, [codes for codes in good if codes is not None], key=key, failed=failed)
        written = True
    return _Shard(part.num_rows - len(failed), failed, written)


def _failed_in(path: Path, key: str) -> dict[int, str] | None:
    try:
        said = load_weights(path).metadata
    except StoreError:
        return None
    return {int(row): reason for row, reason in json.loads(said["failed"])} if said.get("key") == key else None


def _fitting(found: Tensor | str, spec: TokenSpec, samples: int, path: str) -> Tensor | None:
    if isinstance(found, str):
        return None
    if found.shape[-1] != spec.frames(samples):
        wanted = f"{samples} samples have {spec.frames(samples)}"
        raise ParameterError(f"{path} gave {found.shape[-1]} frames, {wanted}; correct its `samples`")
    return Tokens(found[None], spec, torch.tensor([samples])).codes[0]


def _write_shard(path: Path, spec: TokenSpec, good: Sequence[Tensor], *, key: str, failed: dict[int, str]) -> None:
    codes = torch.cat([torch.zeros(0, spec.codebooks, dtype=torch.int64), *(one.cpu().T for one in good)])
    ends = torch.tensor([one.shape[1] for one in good], dtype=torch.int64).cumsum(0)
    words = {"key": key, "failed": json.dumps(sorted(failed.items()))}
    save_weights(path, {"codes": codes.to(torch.uint16), "ends": ends}, words)


def _failures(clips: pa.Table, shards: Sequence[_Shard], shard_clips: int) -> dict[str, str]:
    rows = {number * shard_clips + row: why for number, one in enumerate(shards) for row, why in one.failed.items()}
    return {clips["path"][row].as_py(): reason for row, reason in rows.items()}


def _write_tables(folder: Path, clips: pa.Table, failed: set[str], tracks: Path | None) -> None:
    good = clips.filter(pa.array([path not in failed for path in clips["path"].to_pylist()], pa.bool_()))
    with replace_file(folder / CLIPS) as temp, temp.open("wb") as file:
        pq.write_table(good, file)
    if tracks is None:
        (folder / TRACKS).unlink(missing_ok=True)
    elif tracks.resolve() != (folder / TRACKS).resolve():
        write_bytes(folder / TRACKS, tracks.read_bytes())


def _index(
    folder: Path, spec: TokenSpec, shards: Sequence[_Shard], shard_clips: int, failed: tuple[tuple[str, str], ...]
) -> Index:
    names = [shard_name(number) for number in range(len(shards))]
    for extra in set(_shard_files(folder)) - set(names):
        (folder / extra).unlink()
    names += [name for name in (CLIPS, TRACKS) if (folder / name).exists()]
    files = {name: sha256(folder / name) for name in names}
    return Index(spec, shard_clips, tuple(shard.count for shard in shards), failed, files)


def _refuse_unfit(folder: Path, spec: TokenSpec, clips: pa.Table) -> None:
    if spec.vocab > _MOST_VOCAB:
        raise SpecError(f"vocabulary is {spec.vocab}, a token store holds at most {_MOST_VOCAB}; use .smt files")
    missing = {"path", "samples"} - set(clips.column_names)
    if missing:
        raise ParameterError(f"the clip table lacks {sorted(missing)}, found {clips.column_names}; add them")
    paths = clips["path"].to_pylist()
    if None in paths or any(first >= second for first, second in pairwise(paths)):
        raise ParameterError("the clip table is not sorted by path, each once; sort it and drop repeats")
    begun = (folder / INDEX).exists() or _shard_files(folder)
    others = sorted(folder.glob("[!.]*")) if not begun else []
    if others:
        raise StoreError(f"{folder} holds something else than a token store ({others[0].name}); choose a new folder")
    if (folder / INDEX).exists():
        try:
            found = load_index(folder).spec
        except StoreError:
            return  # damaged: what follows repairs it
        spec.require(found, f"the tokens already in {folder}")


def _missing_or_extra(folder: Path, index: Index) -> list[str]:
    there = set(_shard_files(folder))
    missing = [f"{name} is missing" for name in sorted(index.files) if not (folder / name).is_file()]
    return missing + [f"{name} does not belong to the store" for name in sorted(there - set(index.files))]


def _shard_files(folder: Path) -> list[str]:
    return [path.name for path in folder.glob("shard-*.safetensors")]


def _require(folder: Path, index: Index, name: str) -> None:
    try:
        good = sha256(folder / name) == index.files[name]
    except (OSError, KeyError):
        raise StoreError(f"{folder / name} is missing; run the same encode command again to repair it") from None
    if not good:
        raise StoreError(f"{folder / name} is damaged; run the same encode command again to repair it")
