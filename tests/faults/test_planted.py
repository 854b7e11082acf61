"""Proof of the proofs: with a guard of the product switched off, the row that needs it is seen failing."""

import pytest

from faults.proofs import checkpoints, disks, hostile, recordings, resuming, words
from faults.rows import ROWS, Plant

GROUPS: tuple[list[Plant], ...] = (
    checkpoints.PLANTS,
    disks.PLANTS,
    resuming.PLANTS,
    recordings.PLANTS,
    words.PLANTS,
    hostile.PLANTS,
)


def _case(plant: Plant):
    marks = [pytest.mark.planted(plant.row, plant.guard), *([pytest.mark.faults] if plant.slow else [])]
    return pytest.param(plant, marks=marks, id=f"{plant.row}-{plant.guard.replace(' ', '-')}")


@pytest.mark.parametrize("plant", [_case(plant) for group in GROUPS for plant in group])
def test_a_row_fails_where_its_guard_is_switched_off(plant, tmp_path, monkeypatch):
    assert plant.row in ROWS
    plant.off(monkeypatch)
    with pytest.raises((AssertionError, pytest.fail.Exception)):
        plant.prove(tmp_path)
