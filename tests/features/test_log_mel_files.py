"""Log-mel files: read in parts as they were written, and never taken for another picture."""

from pathlib import Path

import numpy as np
import pytest
import torch

from smalti.core import DataError
from smalti.features import (
    MATPAC_PICTURE,
    MEL_PRESETS,
    SILENCE,
    ArrayFile,
    array_bytes,
    is_log_mel,
    open_log_mel,
)


@pytest.mark.parametrize("order", ["C", "F"])
def test_a_part_of_a_file_is_that_part_of_the_whole(tmp_path: Path, order: str) -> None:
    numbers = np.random.default_rng(3).normal(-7, 4, (80, 33)).astype(np.float32)
    np.save(tmp_path / "a.wav.npy", np.asarray(numbers, order=order))
    file = open_log_mel(tmp_path / "a.wav.npy")
    assert file.frames == 33
    assert np.array_equal(file.read(first=5, count=7), numbers[:, 5:12])
    assert np.array_equal(file.read(), numbers)


def test_numbers_that_are_not_finite_are_refused_where_they_are_read(tmp_path: Path) -> None:
    numbers = torch.full((80, 9), SILENCE)
    numbers[3, 6] = float("nan")
    (tmp_path / "a.npy").write_bytes(array_bytes(numbers))
    file = open_log_mel(tmp_path / "a.npy")
    assert file.read(first=0, count=6).shape == (80, 6)
    with pytest.raises(DataError, match=r"a\.npy: holds NaN or Inf"):
        file.read(first=2, count=5)


def test_a_file_that_shrank_after_its_header_was_checked_is_an_error_and_no_crash(tmp_path: Path) -> None:
    path = tmp_path / "a.npy"
    path.write_bytes(array_bytes(torch.zeros(80, 40)))
    file = open_log_mel(path)
    path.write_bytes(path.read_bytes()[:-4])
    with pytest.raises(DataError, match="is not the file that it was"):
        file.read()
    path.unlink()
    with pytest.raises(DataError, match="is not the file that it was"):
        file.read()


def test_another_mel_than_matpacs_is_refused_and_names_tell_pictures_apart(tmp_path: Path) -> None:
    (tmp_path / "a.npy").write_bytes(array_bytes(torch.zeros(80, 3)))
    with pytest.raises(DataError, match="wanted another mel"):
        open_log_mel(tmp_path / "a.npy", MEL_PRESETS["specvqgan"])
    with pytest.raises(DataError, match=r"of shape \(80, 3\), wanted \(64, frames\)"):
        ArrayFile.open(tmp_path / "a.npy", bands=64)
    assert is_log_mel("dog/a.wav.NPY") and not is_log_mel("dog/a_mel.npy") and not is_log_mel("a.wav")
    assert MATPAC_PICTURE.bands == 80
