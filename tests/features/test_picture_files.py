"""Picture files: read back as they were written, and refused for every reason there is, without unpickling anything."""

import pickle
from pathlib import Path

import numpy as np
import pytest
import torch

from smalti.core import DataError
from smalti.features import MEL_PRESETS, array_bytes, is_picture, read_picture

PICTURE = MEL_PRESETS["specvqgan"]


def levels(frames: int = 33) -> np.ndarray:
    return np.random.default_rng(frames).random((80, frames))


@pytest.mark.parametrize("kind", ["<f4", "<f8"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_published_pictures_read_as_they_are(tmp_path: Path, kind: str, order: str) -> None:
    path = tmp_path / "a.b_mel.npy"
    np.save(path, np.asarray(levels(), dtype=kind, order=order))
    assert np.allclose(read_picture(path, PICTURE).numpy(), levels(), atol=1e-7)
    assert is_picture(path) and not is_picture("mel.npy")


def test_what_is_written_reads_back(tmp_path: Path) -> None:
    picture = torch.from_numpy(levels()).float()
    (tmp_path / "a_mel.npy").write_bytes(array_bytes(picture))
    assert torch.equal(read_picture(tmp_path / "a_mel.npy", PICTURE), picture)
    assert np.load(tmp_path / "a_mel.npy", allow_pickle=False).shape == (80, 33)


class _Payload:
    ran = False

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return (setattr, (_Payload, "ran", True))


def _objects(path: Path) -> None:
    np.save(path, np.array([_Payload()] * 80, object), allow_pickle=True)


def _cut(path: Path) -> None:
    np.save(path, levels())
    path.write_bytes(path.read_bytes()[:-1])


def _long(path: Path) -> None:
    np.save(path, levels())
    path.write_bytes(path.read_bytes() + b"x")


BROKEN = {
    "no array": (lambda path: path.write_bytes(b"hello"), "is no .npy array"),
    "empty": (lambda path: path.write_bytes(b""), "is no .npy array"),
    "pickle": (lambda path: path.write_bytes(pickle.dumps(_Payload())), "is no .npy array"),
    "objects": (_objects, "holds object, wanted numbers"),
    "whole numbers": (lambda path: np.save(path, np.zeros((80, 9), int)), "holds int64, wanted numbers"),
    "other bands": (lambda path: np.save(path, levels().T), r"is of shape \(33, 80\), wanted \(80, frames\)"),
    "one axis": (lambda path: np.save(path, levels()[0]), "is of shape"),
    "no frames": (lambda path: np.save(path, levels()[:, :0]), "is of shape"),
    "cut": (_cut, "its header says"),
    "long": (_long, "its header says"),
    "not finite": (lambda path: np.save(path, levels() * np.nan), "NaN or Inf"),
    "decibels": (lambda path: np.save(path, levels() * -80), "levels of -80.*wanted 0…1"),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_what_is_no_picture_is_refused_and_nothing_runs(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "a_mel.npy"
    make, reason = BROKEN[kind]
    make(path)
    with pytest.raises(DataError, match=f"a_mel.npy: .*{reason}"):
        read_picture(path, PICTURE)
    assert not _Payload.ran


def test_what_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be read"):
        read_picture(tmp_path / "a_mel.npy", PICTURE)
