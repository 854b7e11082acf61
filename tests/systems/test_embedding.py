"""Latents of recordings in a table: those that the model infers, beside their names, with what failed listed."""

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch

from journey import Journey
from smalti.audio import read
from smalti.core import DataError, ParameterError, SpecError
from smalti.systems.embedding import embed, load_latent_lm


@pytest.mark.parametrize("suffix", [".npz", ".parquet"])
def test_a_table_holds_what_the_model_infers_of_each_recording(journey: Journey, tmp_path: Path, suffix: str) -> None:
    found = embed(journey.vae, data=journey.sounds, to=tmp_path / f"latents{suffix}")
    assert (found.files, found.failed, found.latent) == (12, (), 5)
    if suffix == ".npz":
        with np.load(tmp_path / "latents.npz", allow_pickle=False) as file:
            table = {name: file[name].tolist() for name in file.files}
    else:
        table = pq.read_table(tmp_path / "latents.parquet").to_pydict()
    assert table.keys() == {"path", "label", "mean", "log_variance"}
    assert sorted(set(table["label"])) == ["pistons", "rain"]
    lm, codec = load_latent_lm(journey.vae)
    for row in (0, 11):
        sound = read(journey.sounds / table["path"][row], sample_rate=codec.spec.sample_rate)
        belief = lm.infer(codec.encode(sound))
        torch.testing.assert_close(torch.tensor(table["mean"][row]), belief.mean[0], rtol=0, atol=1e-4)
        torch.testing.assert_close(torch.tensor(table["log_variance"][row]), belief.log_variance[0], rtol=0, atol=1e-4)


def test_what_cannot_be_read_is_listed_and_the_rest_is_saved(journey: Journey, tmp_path: Path) -> None:
    (tmp_path / "bad.wav").write_text("no sound")
    clip = journey.sounds / "rain" / "rain-0000.flac"
    found = embed(journey.vae, [clip, tmp_path / "bad.wav"], to=tmp_path / "one.npz")
    assert found.files == 1 and [one["path"] for one in found.failed] == [str(tmp_path / "bad.wav")]
    with np.load(tmp_path / "one.npz", allow_pickle=False) as file:
        assert file["path"].tolist() == [str(clip)] and file["mean"].shape == (1, 5)


def test_what_does_not_fit_is_refused_and_nothing_is_written(journey: Journey, tmp_path: Path) -> None:
    (tmp_path / "bad.wav").write_text("no sound")
    with pytest.raises(ParameterError, match=r"wanted \.npz or \.parquet"):
        embed(journey.vae, data=journey.sounds, to=tmp_path / "out.csv")
    with pytest.raises(ParameterError, match="give one or the other"):
        embed(journey.vae, to=tmp_path / "out.npz")
    with pytest.raises(SpecError, match="without latents"):
        embed(journey.lm, data=journey.sounds, to=tmp_path / "out.npz")
    with pytest.raises(DataError):
        embed(journey.vae, [tmp_path / "bad.wav"], to=tmp_path / "out.npz")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bad.wav"]
