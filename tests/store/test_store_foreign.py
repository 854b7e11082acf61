"""Files of others: tensors come out, and whatever else they would like to be, nothing runs."""

import os
import pickle
import zipfile
from pathlib import Path

import pytest
import safetensors.torch
import torch

from smalti.core import StoreError
from smalti.store import read_foreign_weights
from smalti.store.unpickling import copy_tensors


class _Payload:
    """What an attacker puts into a pickle."""

    def __init__(self, canary: Path) -> None:
        self.canary = canary

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, (f"touch {self.canary}",)


def test_tensors_of_a_checkpoint_come_out_by_name(tmp_path: Path) -> None:
    torch.save({"generator": {"a.weight": torch.ones(2, 3)}, "steps": 7}, tmp_path / "a.pt")
    found = read_foreign_weights(tmp_path / "a.pt")
    assert found.keys() == {"generator/a.weight"} and torch.equal(found["generator/a.weight"], torch.ones(2, 3))
    safetensors.torch.save_file({"b": torch.zeros(4)}, tmp_path / "b.safetensors")
    assert read_foreign_weights(tmp_path / "b.safetensors").keys() == {"b"}


def test_a_pickle_with_a_payload_is_refused_and_nothing_runs(tmp_path: Path) -> None:
    """Defect 21 of the reference: a model folder that runs code when it is opened."""
    canary, payload = tmp_path / "canary", _Payload(tmp_path / "canary")
    torch.save({"generator": payload}, tmp_path / "zip.pt")
    (tmp_path / "plain.pt").write_bytes(pickle.dumps(payload, protocol=2))
    with pytest.raises(StoreError, match=r"asks for (posix|nt)\.system; nothing in it was run"):
        read_foreign_weights(tmp_path / "zip.pt")
    with pytest.raises(StoreError, match="is refused"):
        read_foreign_weights(tmp_path / "plain.pt")
    assert not canary.exists()


def test_yaml_with_a_python_tag_is_no_file_of_weights(tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    (tmp_path / "args.yml").write_text(f"!!python/object/apply:os.system ['touch {canary}']\n")
    with pytest.raises(StoreError, match=r"is no file of weights.*YAML is never read"):
        read_foreign_weights(tmp_path / "args.yml")
    assert not canary.exists()


def test_archives_that_grow_or_are_something_else_are_refused_unread(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "bomb.pt", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", b"\x80\x02}.")
        archive.writestr("archive/data/0", bytes(10**7))
    with pytest.raises(StoreError, match="would unpack to"):
        read_foreign_weights(tmp_path / "bomb.pt")
    with zipfile.ZipFile(tmp_path / "other.pt", "w") as archive:
        archive.writestr("readme", "hello")
    with pytest.raises(StoreError, match="archive of something else"):
        read_foreign_weights(tmp_path / "other.pt")
    (tmp_path / "cut.pt").write_bytes((tmp_path / "bomb.pt").read_bytes()[:200])
    with pytest.raises(StoreError, match="damaged archive"):
        read_foreign_weights(tmp_path / "cut.pt")
    (tmp_path / "cut.safetensors").write_bytes(b"\x40\0\0\0\0\0\0\0{}")
    with pytest.raises(StoreError, match="cannot be read as weights"):
        read_foreign_weights(tmp_path / "cut.safetensors")
    with pytest.raises(StoreError, match="cannot be read"):
        read_foreign_weights(tmp_path / "nothing.pt")


def test_reading_limits_its_own_process_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    limits: list[tuple[int, tuple[int, int]]] = []
    monkeypatch.setattr("resource.setrlimit", lambda *limit: limits.append(limit))
    torch.save({"a": torch.ones(3)}, tmp_path / "a.pt")
    copy_tensors(str(tmp_path / "a.pt"), str(tmp_path / "a.safetensors"), "1000", "60")
    assert len(limits) == 2 and limits[1][1] == (60, 60)
    assert safetensors.torch.load_file(tmp_path / "a.safetensors").keys() == {"a"}
