"""Latents of recordings in a table: those that the model infers, beside their names, with what failed listed."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import soundfile
import torch

from faults.damage import files_of, temps_of
from faults.kills import dies
from journey import Journey
from smalti.audio import read
from smalti.cli import run
from smalti.core import DataError, ParameterError, SpecError, StoreError
from smalti.data.manifest import Manifest
from smalti.systems.embedding import Pool, embed, load_latent_lm
from smalti.systems.hearing import Heard, RunName, View
from smalti.systems.registry import load_encoder


@pytest.mark.parametrize("suffix", [".npz", ".parquet"])
def test_a_table_holds_what_the_model_infers_of_each_recording(journey: Journey, tmp_path: Path, suffix: str) -> None:
    found = embed(journey.vae, data=journey.sounds, to=tmp_path / f"latents{suffix}")
    assert (found.files, found.failed, found.vectors, found.latent) == (12, (), 12, 5)
    table = columns(tmp_path / f"latents{suffix}")
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


@pytest.mark.parametrize("suffix", [".npz", ".parquet"])
def test_an_encoders_recordings_are_means_and_deviations_over_their_frames(
    journey: Journey, tmp_path: Path, suffix: str
) -> None:
    run, to = Heard(journey.alm, view=View(window=3)), tmp_path / f"means{suffix}"
    found = embed(run, data=journey.sounds, to=to)
    assert (found.files, found.vectors, found.latent) == (12, 12, 5)
    table = columns(to)
    assert table.keys() == {"path", "label", "mean", "deviation"}
    frames = frames_of(run, journey.sounds / table["path"][7])
    torch.testing.assert_close(torch.tensor(table["mean"][7]), frames.mean(0), rtol=0, atol=1e-4)
    torch.testing.assert_close(torch.tensor(table["deviation"][7]), frames.std(0, unbiased=False), rtol=0, atol=1e-4)


@pytest.mark.parametrize("suffix", [".npz", ".parquet"])
def test_an_encoders_frames_have_their_times_and_recordings(journey: Journey, tmp_path: Path, suffix: str) -> None:
    to, told = tmp_path / f"frames{suffix}", list[tuple[int, int]]()
    (tmp_path / "bad.wav").write_text("no sound")
    clips = sorted((journey.sounds / "rain").glob("*.flac"))[:3]
    every = [clips[0], tmp_path / "bad.wav", *clips[1:]]
    found = embed(journey.alm, every, to=to, pool="none", progress=lambda *of: told.append(of))
    assert found.files == 3 and [Path(one["path"]).name for one in found.failed] == ["bad.wav"]
    assert told[-1] == (3, 3)
    table, frames = columns(to), [frames_of(journey.alm, clip) for clip in clips]
    assert found.vectors == len(table["seconds"]) == sum(map(len, frames))
    hop = load_encoder(journey.alm).hop / 24000
    assert table["seconds"] == pytest.approx([place * hop for one in frames for place in range(len(one))])
    if suffix == ".npz":
        assert table["path"] == list(map(str, clips))
        assert table["recording"] == [row for row, one in enumerate(frames) for _ in one]
    else:
        assert table["path"] == [str(clip) for clip, one in zip(clips, frames, strict=True) for _ in one]
    vectors = torch.tensor(table["frames" if suffix == ".npz" else "frame"])
    torch.testing.assert_close(vectors, torch.cat(frames), rtol=0, atol=1e-4)


def test_log_mel_frames_need_no_run(journey: Journey, tmp_path: Path) -> None:
    found = embed("log-mel", data=journey.sounds, to=tmp_path / "means.npz")
    assert (found.files, found.latent) == (12, 80)
    with pytest.raises(StoreError, match="gone"):
        embed(tmp_path / "gone", data=journey.sounds, to=tmp_path / "o.npz")


def test_frames_that_there_are_not_are_refused_and_nothing_is_left(journey: Journey, tmp_path: Path) -> None:
    (tmp_path / "bad.wav").write_text("no sound")
    with pytest.raises(ParameterError, match="one latent for each recording"):
        embed(journey.vae, data=journey.sounds, to=tmp_path / "o.npz", pool="none")
    with pytest.raises(SpecError, match="codec, wanted an encoder"):
        embed(journey.codec, data=journey.sounds, to=tmp_path / "o.npz")
    for suffix in ("npz", "parquet"):
        with pytest.raises(DataError):
            embed(journey.alm, [tmp_path / "bad.wav"], to=tmp_path / f"o.{suffix}", pool="none")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bad.wav"]


def columns(to: Path) -> dict[str, list[Any]]:
    """A table as lists."""
    if to.suffix == ".parquet":
        return pq.read_table(to).to_pydict()
    with np.load(to, allow_pickle=False) as file:
        return {name: file[name].tolist() for name in file.files}


def frames_of(run: RunName, path: Path) -> torch.Tensor:
    """The frames of a recording alone."""
    encoder = load_encoder(run)
    return encoder.embed(read(path, sample_rate=encoder.sample_rate)).frames[0]


def test_layers_are_columns_of_one_hearing_and_the_last_is_what_is_given_unasked(
    journey: Journey, tmp_path: Path
) -> None:
    embed(journey.matpac, data=journey.sounds, to=tmp_path / "all.npz", layers="all")
    embed(journey.matpac, data=journey.sounds, to=tmp_path / "last.npz")
    embed(journey.matpac, data=journey.sounds, to=tmp_path / "max.npz", pool="max", layers=[1])
    every, last, most = (columns(tmp_path / f"{name}.npz") for name in ("all", "last", "max"))
    assert every.keys() == {"path", "label", "mean_1", "mean_2", "deviation_1", "deviation_2"}
    assert most.keys() == {"path", "label", "max_1"}
    np.testing.assert_allclose(every["mean_2"], last["mean"], atol=1e-5)
    assert (np.array(most["max_1"]) >= np.array(every["mean_1"]) - 1e-5).all()
    for wrong in ({"layers": [3]}, {"layers": "all", "pool": "none"}):
        with pytest.raises(ParameterError, match="layers"):
            embed(journey.matpac, data=journey.sounds, to=tmp_path / "no.npz", **wrong)


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts of four recordings."""
    monkeypatch.setattr("smalti.systems.vector_parts._MOST_RECORDINGS", 4)


class Stopped(Exception):
    """Somebody ends the work."""


def stop_after(done: int) -> Callable[[int, int], None]:
    """Ends the work when so many recordings are done."""

    def tell(now: int, total: int) -> None:
        if now == done:
            raise Stopped

    return tell


@pytest.mark.usefixtures("small_parts")
@pytest.mark.parametrize("pool", ["mean", "none"])
@pytest.mark.parametrize("suffix", [".npz", ".parquet"])
def test_killed_at_a_moment_it_goes_on_to_the_same_bytes(
    journey: Journey, tmp_path: Path, suffix: str, pool: Pool
) -> None:
    def work(to: Path) -> None:
        embed("log-mel", data=journey.sounds, to=to, pool=pool)

    work(tmp_path / f"whole{suffix}")
    wanted, number, turns = (tmp_path / f"whole{suffix}").read_bytes(), 2, 0
    while dies(lambda to=tmp_path / f"{number}" / f"v{suffix}": work(to), number):
        work(tmp_path / f"{number}" / f"v{suffix}")
        assert files_of(tmp_path / f"{number}") == {f"v{suffix}": wanted}, f"moment {number}"
        assert temps_of(tmp_path) == []
        number, turns = number + 53, turns + 1
    assert turns > 3


@pytest.mark.usefixtures("small_parts")
def test_what_is_done_is_not_heard_again_and_said_to_be_kept(journey: Journey, tmp_path: Path) -> None:
    to = tmp_path / "v.npz"
    with pytest.raises(Stopped):
        embed(journey.matpac, data=journey.sounds, to=to, progress=stop_after(10))
    assert len([*(tmp_path / "v.npz.parts").glob("part-*")]) == 2 and not to.exists()
    told, heard = list[tuple[int, int]](), list[Path]()
    with pytest.MonkeyPatch.context() as watched:
        watched.setattr("smalti.systems.sources.read", lambda path, **rate: (heard.append(path), read(path, **rate))[1])
        found = embed(journey.matpac, data=journey.sounds, to=to, progress=lambda *of: told.append(of))
    assert (found.files, found.kept, len(heard)) == (12, 8, 4) and found.audio_seconds == pytest.approx(12 * 0.8, 0.01)
    assert found.real_time_factor == pytest.approx(found.seconds / (4 * 0.8), 0.01)
    assert told[0] == (4, 12) and told[-1] == (12, 12)
    assert [path.name for path in tmp_path.iterdir()] == ["v.npz"]
    again = embed(journey.matpac, data=journey.sounds, to=tmp_path / "whole.npz")
    assert again.kept == 0 and to.read_bytes() == (tmp_path / "whole.npz").read_bytes()


@pytest.mark.usefixtures("small_parts")
def test_failures_of_before_are_listed_again_and_a_damaged_part_is_made_again(journey: Journey, tmp_path: Path) -> None:
    clips = sorted(journey.sounds.rglob("*.flac"))
    for name in ("bad.wav", "none.wav"):
        (tmp_path / name).write_text("no sound")
    rows = [{"path": str(path)} for path in (tmp_path / "bad.wav", *clips[:6], tmp_path / "none.wav")]
    Manifest.from_rows(rows, tmp_path).write(tmp_path / "clips.csv")
    to = tmp_path / "v.parquet"
    whole = embed("log-mel", data=tmp_path / "clips.csv", to=tmp_path / "whole.parquet")
    with pytest.raises(Stopped):
        embed("log-mel", data=tmp_path / "clips.csv", to=to, progress=stop_after(6))
    vectors = tmp_path / "v.parquet.parts" / "part-00000" / "vectors.arrow"
    vectors.write_bytes(vectors.read_bytes()[:-1])
    assert run(["verify", str(tmp_path / "v.parquet.parts")]) == 1
    found = embed("log-mel", data=tmp_path / "clips.csv", to=to)
    assert (found.files, found.kept) == (6, 0) and found.failed == whole.failed and len(found.failed) == 2
    assert to.read_bytes() == (tmp_path / "whole.parquet").read_bytes()


@pytest.mark.usefixtures("small_parts")
def test_parts_of_something_else_are_refused_by_what_differs(journey: Journey, tmp_path: Path) -> None:
    to = tmp_path / "v.npz"
    with pytest.raises(Stopped):
        embed(journey.matpac, data=journey.sounds, to=to, progress=stop_after(10))
    table, before = Manifest.read(journey.sounds), files_of(tmp_path)
    table.select([*range(11)]).write(tmp_path / "fewer.csv")
    sounds = journey.sounds
    for key, other in {
        "encoder": lambda: embed(journey.matpac_plus, data=sounds, to=to),
        "pool mean → max": lambda: embed(journey.matpac, data=sounds, to=to, pool="max"),
        "layers last → 1": lambda: embed(journey.matpac, data=sounds, to=to, layers=[1]),
        "model": lambda: embed(journey.vae, data=sounds, to=to),
        "recordings": lambda: embed(journey.matpac, data=tmp_path / "fewer.csv", to=to),
    }.items():
        with pytest.raises(StoreError, match=f"begun with something else .*{key}.*remove that folder to begin anew"):
            other()
    (tmp_path / "fewer.csv").unlink()
    assert files_of(tmp_path) == before
    assert embed(journey.matpac, data=sounds, to=to).kept == 8


def test_a_recording_without_a_sample_left_at_the_rate_is_listed(journey: Journey, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "one.wav", np.zeros(1), 48_000)
    clip = next(journey.sounds.rglob("*.flac"))
    for pool in ("mean", "max", "none"):
        found = embed(journey.matpac, [tmp_path / "one.wav", clip], to=tmp_path / "v.npz", pool=pool)
        assert found.files == 1 and "no sample left at 16000 Hz" in found.failed[0]["reason"]
        assert np.isfinite(columns(tmp_path / "v.npz")["frames" if pool == "none" else f"{pool}"]).all()
