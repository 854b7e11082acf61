"""Rows F3 and F10 for a table of vectors: killed or asked to end, it goes on to the same bytes."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from faults.damage import files_of, temps_of
from faults.kills import dies
from faults.proofs.clips import some_sounds
from faults.proofs.resuming import prove_f10_reading
from faults.rows import Plant, figure
from smalti.store import atomic, parts
from smalti.systems import sources, vector_parts
from smalti.systems.embedding import embed

_MOMENTS = 600  # at which the disk is dealt with while twenty recordings are embedded


@contextmanager
def small_parts(recordings: int = 3) -> Iterator[None]:
    """Tables in parts of a few recordings."""
    with mock.patch.object(vector_parts, "_MOST_RECORDINGS", recordings):
        yield


def prove_f3_vectors(folder: Path, *, clips: int = 20, kills: int = 20) -> None:
    """Embed recordings, killed again and again until it happens to come to its end."""
    sounds, generator, died, tables = some_sounds(folder / "sounds", [0.1] * clips), random.Random(0), 0, 0
    with small_parts():
        for suffix, pool in ((".npz", "none"), (".parquet", "mean")):

            def work(to: Path, pool: Any = pool) -> None:
                embed("log-mel", data=sounds, to=to, pool=pool)

            work(folder / f"whole{suffix}")
            wanted, mine = (folder / f"whole{suffix}").read_bytes(), 0
            while mine < kills // 2:
                to = folder / f"{tables}" / f"v{suffix}"
                while mine < kills // 2 and dies(lambda to=to, work=work: work(to), generator.randrange(_MOMENTS)):
                    mine += 1
                work(to)
                assert files_of(to.parent) == {to.name: wanted}, f"after {mine} kills: {sorted(files_of(to.parent))}"
                assert temps_of(to.parent) == []
                tables += 1
            died += mine
    figure("F3", f"{died} kills, {tables} tables of {clips} recordings' vectors, all equal byte for byte")


def prove_f10_vectors(folder: Path) -> None:
    """F10 of a command that embeds sixteen recordings."""
    begun = "v.npz.parts/part-00000/SHA256SUMS"
    prove_f10_reading(folder, sources, small_parts, ("embed", "log-mel"), to="v.npz", begun=begun)


def _leave_all(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (parts, atomic):
        monkeypatch.setattr(module, "clean_temps", lambda folder: [])


PLANTS = [
    Plant("F3", "clearing what the dead have left", _leave_all, lambda folder: prove_f3_vectors(folder, kills=8)),
]
