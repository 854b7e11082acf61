"""Recordings of a manifest one by one, those that cannot be read listed."""

from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path

from smalti.audio import blocks, inspect, read
from smalti.core import Audio, DataError
from smalti.data.manifest import Manifest

_PIECE_SECONDS = 20


def held_rows(manifest: Manifest, split: str = "") -> Manifest:
    """The rows of a split, or "all"; of none, the test rows if there are any, else all.

    Raises:
        DataError: if there are none of that split; names those there are.
    """
    splits = manifest.table["split"].to_pylist() if "split" in manifest.table.column_names else []
    if split == "all" and split not in splits:
        return manifest
    chosen = split or ("test" if "test" in splits else "")
    return manifest.split(chosen) if chosen else manifest


def sounds(manifest: Manifest, sample_rate: int, failed: list[dict[str, str]]) -> Iterator[tuple[int, Audio]]:
    """Row and sound of every recording that can be read, at this rate; path and reason of the others go to `failed`."""
    names = [str(name) for name in manifest.table["path"].to_pylist()]
    yield from files(manifest.paths(), sample_rate, failed, names=names)


def sound_pieces(manifest: Manifest, sample_rate: int, failed: list[dict[str, str]]) -> Iterator[tuple[int, Audio]]:
    """The same 20 s at a time, so that an hour needs no more memory: a long recording comes in several pieces."""
    for row, path in enumerate(manifest.paths()):
        try:
            source = blocks(path, sample_rate=sample_rate, block_seconds=_PIECE_SECONDS)
            begin = [block for _, block in zip(range(2), source, strict=False)]
            if len(begin) > 1:
                inspect(path)  # what breaks off in the middle is left out as a whole
            yield from ((row, Audio.single(block, sample_rate)) for block in chain(begin, source))
        except DataError as error:
            failed.append({"path": str(manifest.table["path"][row].as_py()), "reason": str(error)})


def files(
    paths: Sequence[Path], sample_rate: int, failed: list[dict[str, str]], *, names: Sequence[str] = ()
) -> Iterator[tuple[int, Audio]]:
    """The same of files, which `failed` calls by these names, or else by their paths."""
    for row, (path, name) in enumerate(zip(paths, names or map(str, paths), strict=True)):
        try:
            yield row, read(path, sample_rate=sample_rate)
        except DataError as error:
            failed.append({"path": name, "reason": str(error)})
