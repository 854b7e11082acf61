"""What is written can be read again, and a file is complete or not there."""

import resource
import signal
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import pytest
import torch

from smalti.audio import AudioWriter, inspect, read, write, writing
from smalti.core import Audio, DataError, ParameterError, StoreError


def sound(frames: int = 16000, rate: int = 16000) -> Audio:
    return Audio.single(0.5 * torch.sin(torch.arange(frames) * 0.07), rate)


@pytest.mark.parametrize("suffix", ["wav", "flac"])
def test_sixteen_bits_survive_a_round_trip_exactly(tmp_path: Path, suffix: str) -> None:
    values = torch.arange(-32768, 32768, 7) / 32768
    write(tmp_path / f"a.{suffix}", Audio.single(values, 16000))
    assert torch.equal(read(tmp_path / f"a.{suffix}").samples[0], values)
    assert "checksum" not in inspect(tmp_path / f"a.{suffix}").flags


@pytest.mark.parametrize("suffix", ["ogg", "opus", "mp3", "WAV"])
def test_the_suffix_names_the_format_and_nothing_is_odd_about_the_file(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    write(path, sound())
    report = inspect(path)
    assert (report.sample_rate, report.flags) == (16000, ())
    assert abs(report.seconds - 1) < 0.05
    assert list(tmp_path.iterdir()) == [path]


def test_samples_beyond_full_scale_are_clipped(tmp_path: Path) -> None:
    write(tmp_path / "a.wav", Audio.single(torch.tensor([3.0, -3.0, 0.5]), 8000))
    assert read(tmp_path / "a.wav").samples[0].tolist() == [32767 / 32768, -1.0, 0.5]


def test_blocks_and_the_whole_write_the_same_bytes(tmp_path: Path) -> None:
    samples = sound(150_000).samples[0]
    write(tmp_path / "whole.flac", Audio.single(samples, 16000))
    with AudioWriter(tmp_path / "parts.flac", 16000) as writer:
        for part in samples.split(9_999):
            writer.push(part)
    assert (tmp_path / "whole.flac").read_bytes() == (tmp_path / "parts.flac").read_bytes()


def test_nothing_is_left_when_writing_fails(tmp_path: Path) -> None:
    write(tmp_path / "old.wav", sound(100))
    before = (tmp_path / "old.wav").read_bytes()
    with pytest.raises(DataError, match="NaN"):
        write(tmp_path / "old.wav", Audio.single(torch.tensor([0.0, torch.nan]), 8000))
    with pytest.raises(KeyboardInterrupt), AudioWriter(tmp_path / "new.wav", 8000) as writer:
        writer.push(torch.zeros(9))
        raise KeyboardInterrupt
    assert [p.name for p in tmp_path.iterdir()] == ["old.wav"]
    assert (tmp_path / "old.wav").read_bytes() == before


@pytest.mark.parametrize("method", ["write", "tell"])
def test_ctrl_c_in_the_midst_of_a_write_is_ctrl_c(tmp_path: Path, method: str) -> None:
    real = getattr(writing._Sink, method)

    def struck(*given: object) -> int:
        signal.raise_signal(signal.SIGINT)
        return real(*given)

    writer = AudioWriter(tmp_path / "a.flac", 8000)
    with pytest.raises(KeyboardInterrupt), writer, mock.patch.object(writing._Sink, method, struck):
        writer.push(sound(40_000).samples[0])
    with pytest.raises(KeyboardInterrupt), mock.patch.object(writing._Sink, method, struck):
        write(tmp_path / "b.flac", sound())
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def tiny_disk() -> Iterator[None]:
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, limits[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)


@pytest.mark.parametrize("suffix", ["wav", "flac", "ogg"])
@pytest.mark.usefixtures("tiny_disk")
def test_a_full_disk_is_named_and_leaves_nothing(tmp_path: Path, suffix: str) -> None:
    noise = torch.rand(400_000, generator=torch.Generator().manual_seed(0)) - 0.5
    with pytest.raises(StoreError, match=rf"a\.{suffix}: no space left after \d+ bytes"):
        write(tmp_path / f"a.{suffix}", Audio.single(noise, 16000))
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_written_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match=r"did you mean '.flac'"):
        write(tmp_path / "a.flca", sound())
    with pytest.raises(ParameterError, match="cannot hold 44100 Hz"):
        write(tmp_path / "a.opus", sound(rate=44100))
    with pytest.raises(ParameterError, match="this batch 2"):
        write(tmp_path / "a.wav", Audio.batch([sound(), sound()]))
    with pytest.raises(StoreError, match="cannot be written"):
        write(tmp_path / "nowhere" / "a.wav", sound())
    assert list(tmp_path.iterdir()) == []
