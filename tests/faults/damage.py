"""Part of the fault kit: bytes flipped and files cut at seeded places, and what is left looked at."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def flips(data: bytes, *, count: int, seed: int) -> Iterator[bytes]:
    """The same bytes with one of them changed, `count` times: single bits and whole bytes by turns."""
    generator = random.Random(seed)
    for turn in range(count):
        place = generator.randrange(len(data))
        mask = 1 << generator.randrange(8) if turn % 2 else generator.randrange(1, 256)
        yield data[:place] + bytes([data[place] ^ mask]) + data[place + 1 :]


def cuts(data: bytes, *, count: int, seed: int) -> Iterator[bytes]:
    """The same bytes cut short: empty, one byte, all but one, and at random places."""
    generator = random.Random(seed)
    places = [0, 1, len(data) - 1] + [generator.randrange(len(data)) for _ in range(count - 3)]
    yield from (data[:place] for place in places)


@contextmanager
def replaced(path: Path, data: bytes) -> Iterator[None]:
    """A file with other content, for a moment."""
    before = path.read_bytes()
    path.write_bytes(data)
    try:
        yield
    finally:
        path.write_bytes(before)


def files_of(folder: Path) -> dict[str, bytes]:
    """Every file below a folder, by its name."""
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def temps_of(folder: Path) -> list[Path]:
    """Temps below a folder."""
    return sorted(folder.rglob(".smalti-tmp-*"))
