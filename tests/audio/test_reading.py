"""The reader's laws: blocks equal the whole, a part equals its part of the whole, names and channels do not matter."""

import math
import os
import signal
import tracemalloc
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pytest
import soundfile
import torch

import smalti.audio as audio
from smalti.audio import AudioFile, blocks, decode, inspect, read
from smalti.core import DataError, ParameterError

RATE = 16000
CODINGS = {
    "wav": "PCM_16",
    "flac": "PCM_24",
    "ogg": "VORBIS",
    "mp3": "MPEG_LAYER_III",
    "w64": "FLOAT",
    "aiff": "PCM_16",
}


def melody(frames: int, seed: int = 0) -> np.ndarray:
    noise = np.random.default_rng(seed).standard_normal(frames)
    return (0.5 * np.sin(2 * np.pi * np.cumsum(0.02 + 0.005 * np.cumsum(noise) / math.sqrt(frames)))).astype(np.float32)


def stored(folder: Path, suffix: str, samples: np.ndarray, rate: int = RATE) -> Path:
    path = folder / f"sound.{suffix}"
    soundfile.write(path, samples, rate, format={"ogg": "OGG"}.get(suffix, suffix.upper()), subtype=CODINGS[suffix])
    return path


@pytest.mark.parametrize("suffix", CODINGS)
def test_blocks_together_equal_the_whole_at_any_rate_and_block_length(tmp_path: Path, suffix: str) -> None:
    path = stored(tmp_path, suffix, melody(2 * RATE + 1234))
    for rate in (None, 11025, 24000):
        whole = read(path, sample_rate=rate).samples[0]
        for seconds in (0.0999, 1.3):
            parts = list(blocks(path, sample_rate=rate, block_seconds=seconds))
            assert torch.equal(torch.cat(parts), whole)
            assert {len(part) for part in parts[:-1]} == {round(seconds * (rate or RATE))}


@pytest.mark.parametrize("suffix", CODINGS)
@pytest.mark.parametrize("rate", [None, 11025, 24000, 44100])
def test_a_part_equals_the_same_part_of_the_whole(tmp_path: Path, suffix: str, rate: int | None) -> None:
    path = stored(tmp_path, suffix, melody(6 * RATE))
    whole = read(path, sample_rate=rate)
    for start, seconds in ((0.0, 0.5), (0.3333, 1.0), (4.2, 0.77), (5.9, None)):
        part = read(path, sample_rate=rate, start=start, seconds=seconds)
        first = round(start * whole.sample_rate)
        count = round((6 - start if seconds is None else seconds) * whole.sample_rate)
        expected = whole.samples[:, first : first + count]
        assert part.samples.shape == expected.shape
        assert (part.samples - expected).abs().max() <= 2e-6


def test_a_part_that_runs_past_the_end_is_shorter_and_one_behind_it_is_refused(tmp_path: Path) -> None:
    path = stored(tmp_path, "wav", melody(RATE))
    assert read(path, start=0.75, seconds=9).samples.shape == (1, RATE // 4)
    with pytest.raises(DataError, match=r"sound\.wav: nothing at 3 s"):
        read(path, start=3, seconds=1)


@pytest.mark.parametrize("given", [{"start": -1.0}, {"start": math.nan}, {"seconds": 0.0}, {"sample_rate": 999}])
def test_impossible_requests_are_refused(tmp_path: Path, given: dict[str, float]) -> None:
    path = stored(tmp_path, "wav", melody(RATE))
    with pytest.raises(ParameterError):
        read(path, **given)  # type: ignore[arg-type]
    with pytest.raises(ParameterError):
        list(blocks(path, block_seconds=-1.0))


@pytest.mark.parametrize("channels", [1, 2, 16, 64])
def test_mono_is_the_mean_of_the_channels(tmp_path: Path, channels: int) -> None:
    samples = np.stack([melody(3000, seed) for seed in range(channels)], axis=1)
    path = tmp_path / "many.wav"
    soundfile.write(path, samples, RATE, subtype="FLOAT")
    assert np.allclose(read(path).samples[0].numpy(), samples.mean(axis=1), atol=1e-6)
    assert inspect(path).channels == channels


def test_more_channels_than_the_limit_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "crowd.wav"
    soundfile.write(path, np.zeros((400, 65), np.float32), RATE, subtype="FLOAT")
    with pytest.raises(DataError, match="65 channels; 1 to 64"):
        inspect(path)


NAMES = [
    "ünï 音声 🎵.wav",
    "'quoted' \"twice\".wav",
    "-rf.wav",
    "two\nlines\t.wav",
    "a,b;c.wav",
    "<b>&amp;.wav",
    "$(touch x) `y` | z.wav",
    "..%2f..\\name.wav",
    "n" * 246 + ".wav",
    "no suffix at all",
    b"latin-\xe9.wav".decode("utf-8", "surrogateescape"),
]


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_odd_names_are_read_like_any_other_and_shown_on_one_line(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    soundfile.write(stored(tmp_path, "wav", melody(2000)), melody(2000), RATE)
    (tmp_path / "sound.wav").rename(path)
    assert read(path).samples.shape == (1, 2000)
    path.write_bytes(b"")
    with pytest.raises(DataError) as refused:
        read(path)
    assert str(refused.value).isprintable()
    assert "is empty" in str(refused.value)


def test_what_is_no_file_is_refused_without_opening_it(tmp_path: Path) -> None:
    (tmp_path / "folder.wav").mkdir()
    os.mkfifo(tmp_path / "pipe.wav")
    for name, reason in (("folder.wav", "folder"), ("pipe.wav", "pipe"), ("none.wav", "No such"), ("a\0b", "its name")):
        with pytest.raises(DataError, match=reason):
            inspect(tmp_path / name)


def test_an_open_file_tells_its_shape_before_anything_is_read(tmp_path: Path) -> None:
    with AudioFile(stored(tmp_path, "flac", melody(5000))) as file:
        assert (file.sample_rate, file.channels, file.frames, file.format) == (RATE, 1, 5000, "FLAC/PCM_24")
        assert [len(block) for block in file.blocks(block_seconds=0.2)] == [3200, 1800]
        assert file.flags == ()


def test_memory_does_not_grow_with_the_length_of_the_file(tmp_path: Path) -> None:
    peaks = []
    for seconds in (20, 200):
        path = tmp_path / f"{seconds}.wav"
        soundfile.write(path, np.tile(melody(RATE), seconds), RATE)
        tracemalloc.start()
        count = sum(len(block) for block in blocks(path, sample_rate=8000, block_seconds=1.0))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert count == 8000 * seconds
    assert peaks[1] < 1.1 * peaks[0]


def test_a_file_too_long_to_read_at_once_is_refused_with_the_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("smalti.audio.reading.MAX_READ_SAMPLES", 3000)
    path = stored(tmp_path, "wav", melody(4000))
    with pytest.raises(DataError, match=r"longer than 3000 samples; read it with smalti\.audio\.blocks"):
        read(path)
    assert read(path, start=0.1, seconds=0.1).samples.shape == (1, 1600)
    assert sum(len(block) for block in blocks(path)) == 4000


def test_a_file_is_closed_when_reading_stops_early(tmp_path: Path) -> None:
    before = set(Path("/proc/self/fd").iterdir())
    for _ in range(20):
        reader = blocks(stored(tmp_path, "ogg", melody(2 * RATE)), block_seconds=0.1)
        next(reader)
        reader.close()
    assert len(set(Path("/proc/self/fd").iterdir())) <= len(before) + 1


def test_ctrl_c_in_the_midst_of_a_read_is_ctrl_c(tmp_path: Path) -> None:
    path = stored(tmp_path, "wav", melody(40_000))
    whole = path.read_bytes()
    path.write_bytes(whole[:4] + bytes(4) + whole[8:40] + bytes(4) + whole[44:])  # the recorder never wrote its sizes
    real = decode._Tail.readinto

    def struck(*given: Any) -> int:
        signal.raise_signal(signal.SIGINT)
        return real(*given)

    with mock.patch.object(decode._Tail, "readinto", struck), pytest.raises(KeyboardInterrupt):
        read(path)


def test_every_flag_is_explained() -> None:
    assert all(text and text[0] != text[0].upper() for text in audio.FLAGS.values() if text[0].isalpha())
