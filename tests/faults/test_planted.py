"""Proof of the proofs: with a guard of the product switched off, the row that needs it is seen failing."""

from importlib import import_module
from pkgutil import iter_modules

import pytest

from faults import proofs
from faults.rows import ROWS, Plant

GROUPS: list[list[Plant]] = [
    getattr(import_module(f"faults.proofs.{found.name}"), "PLANTS", []) for found in iter_modules(proofs.__path__)
]


def _case(plant: Plant):
    marks = [pytest.mark.planted(plant.row, plant.guard), *([pytest.mark.faults] if plant.slow else [])]
    return pytest.param(plant, marks=marks, id=f"{plant.row}-{plant.guard.replace(' ', '-')}")


@pytest.mark.parametrize("plant", [_case(plant) for group in GROUPS for plant in group])
def test_a_row_fails_where_its_guard_is_switched_off(plant, request, tmp_path, monkeypatch):
    assert plant.row in ROWS
    given = tmp_path if plant.given == "folder" else request.getfixturevalue("journey")
    plant.off(monkeypatch)
    with pytest.raises((AssertionError, pytest.fail.Exception)):
        plant.prove(given)
