"""Holding out: whole groups, about the share asked for of each label, and a choice that growth does not undo."""

from pathlib import Path

import pytest

from smalti.core import ParameterError
from smalti.data.manifest import Manifest
from smalti.data.split import hold_out


def manifest(sources: int = 40, takes: int = 3) -> Manifest:
    rows = [
        {"path": f"{source}-{take}.wav", "label": "ab"[source % 2], "source": f"s{source}", "take": take}
        for source in range(sources)
        for take in range(1 + source % takes)
    ]
    return Manifest.from_rows(rows, Path())


def test_no_group_is_in_both_splits_and_every_label_gives_its_share() -> None:
    found = hold_out(manifest(), 0.25)
    train, test = found.split("train"), found.split("test")
    assert not set(train.table["source"].to_pylist()) & set(test.table["source"].to_pylist())
    for label in "ab":
        held, kept = test.labels().count(label), train.labels().count(label)
        assert abs(held / (held + kept) - 0.25) < 0.05


def test_the_choice_follows_the_seed_and_nothing_else() -> None:
    one, again, other = (hold_out(manifest(), 0.25, seed=seed).table["split"].to_pylist() for seed in (0, 0, 1))
    assert one == again != other


def test_a_split_that_was_told_is_replaced_and_without_groups_files_stand_alone() -> None:
    rows = [{"path": f"{i}.wav", "split": "train"} for i in range(10)]
    found = hold_out(Manifest.from_rows(rows, Path()), 0.3)
    assert found.table.column_names.count("split") == 1
    assert found.table["split"].to_pylist().count("test") == 3


def test_unknown_columns_and_impossible_shares_are_refused() -> None:
    with pytest.raises(ParameterError, match="did you mean 'source'"):
        hold_out(manifest(), 0.2, group="sorce")
    with pytest.raises(ParameterError, match=r"outside 0…1"):
        hold_out(manifest(), 2)
