"""Between who makes sound and who hears it: nothing lost, nothing grows, silence counted."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from smalti.core import DataError
from smalti.play import FileOutput, NullDevice, SoundQueue, StandardOutput, play
from smalti.play.outputs import wave_header


def _ramp(count: int, start: int = 0) -> np.ndarray:
    return np.arange(start, start + count, dtype=np.float32)


def _pieces(*sizes: int) -> Iterator[torch.Tensor]:
    start = 0
    for size in sizes:
        yield torch.arange(start, start + size).float() / 1000
        start += size


def test_samples_come_out_in_order_whatever_the_pieces() -> None:
    sound = SoundQueue(ahead=100)
    for start, count in ((0, 3), (3, 0), (3, 7), (10, 1)):
        assert sound.put(_ramp(count, start))
    assert sound.waiting == 11
    taken = [sound.take(count) for count in (1, 5, 4)]
    assert np.array_equal(np.concatenate(taken), _ramp(10)) and sound.taken == 10
    sound.end()
    assert not sound.over
    assert np.array_equal(sound.take(3), [10, 0, 0]) and sound.over
    assert sound.underruns == 0  # the end of the sound is no gap in it


def test_gaps_are_filled_with_silence_and_counted() -> None:
    heard: list[int] = []
    sound = SoundQueue(ahead=100, heard=heard.append)
    assert np.array_equal(sound.take(2), [0, 0]) and sound.first is None
    sound.put(_ramp(3, 1))
    assert np.array_equal(sound.take(2), [1, 2]) and sound.first is not None
    assert np.array_equal(sound.take(2), [3, 0])
    assert sound.underruns == 2 and heard == [2, 3]


def test_who_makes_waits_while_enough_is_there_and_stops_when_nobody_listens() -> None:
    sound, done = SoundQueue(ahead=4), list[bool]()

    def make() -> None:
        while sound.put(_ramp(3)):
            done.append(True)

    maker = threading.Thread(target=make, daemon=True)
    maker.start()
    sound.wait_for_start()
    time.sleep(0.05)
    assert sound.waiting == 6 and done == [True]
    sound.take(2)
    deadline = time.perf_counter() + 5
    while sound.waiting < 7 and time.perf_counter() < deadline:
        time.sleep(0.001)
    assert sound.waiting == 7 and done == [True, True]
    sound.stop()
    maker.join(5)
    assert not maker.is_alive() and sound.over
    assert sum(len(block) for block in sound.blocks()) == 7  # a file still takes what is there


def test_a_file_holds_all_pieces_and_playing_is_measured(tmp_path: Path) -> None:
    sound = SoundQueue(ahead=8)
    played = play(_pieces(5, 0, 9, 6), sound, FileOutput(tmp_path / "new" / "a.wav"), sample_rate=8000)
    found, rate = soundfile.read(tmp_path / "new" / "a.wav", dtype="int16")
    assert rate == 8000 and np.array_equal(found, np.rint(np.arange(20) / 1000 * 32768))
    assert played.samples == 20 and played.underruns == 0 and not played.interrupted
    assert played.first_audio is not None and 0 <= played.first_audio <= played.seconds
    assert 0 <= played.working <= played.seconds


def test_what_goes_wrong_while_sound_is_made_is_raised_and_leaves_no_file(tmp_path: Path) -> None:
    def broken() -> Iterator[torch.Tensor]:
        yield torch.zeros(3)
        raise DataError("broken on purpose")

    for pieces, found in ((broken(), "broken on purpose"), (iter([torch.tensor([0, torch.nan])]), "NaN")):
        with pytest.raises(DataError, match=found):
            play(pieces, SoundQueue(ahead=8), FileOutput(tmp_path / "a.wav"), sample_rate=8000)
    assert list(tmp_path.iterdir()) == []


class _Interrupting(SoundQueue):
    def blocks(self) -> Iterator[np.ndarray]:
        yield next(super().blocks())
        raise KeyboardInterrupt


def test_an_interrupted_file_is_whole(tmp_path: Path) -> None:
    endless = (torch.full((4,), 0.5) for _ in iter(int, 1))
    played = play(endless, _Interrupting(ahead=0), FileOutput(tmp_path / "a.flac"), sample_rate=8000)
    assert played.interrupted and played.samples > 0
    assert len(soundfile.read(tmp_path / "a.flac")[0]) == played.samples
    assert [path.name for path in tmp_path.iterdir()] == ["a.flac"]


def test_a_pipe_gets_a_wave_stream(tmp_path: Path) -> None:
    path = tmp_path / "stream.wav"
    with path.open("wb") as stream:
        play(_pieces(5, 9), SoundQueue(ahead=8), StandardOutput(stream), sample_rate=8000)
    data = path.read_bytes()
    assert data[:44] == wave_header(8000) and len(data) == 44 + 28
    found, rate = soundfile.read(path, dtype="int16")
    assert rate == 8000 and np.array_equal(found, np.rint(np.arange(14) / 1000 * 32768))


def test_a_null_device_keeps_the_time_of_a_sound_card() -> None:
    begin = time.perf_counter()
    played = play(_pieces(100, 800, 700), SoundQueue(ahead=1000), NullDevice(), sample_rate=8000)
    assert time.perf_counter() - begin >= 0.19  # sleeping is never shorter than asked
    assert played.samples == 1600 and played.underruns == 0


def test_as_much_is_kept_ready_as_a_piece_takes_to_make() -> None:
    def windows() -> Iterator[torch.Tensor]:
        for _ in range(4):
            for size in (0, 0, 0, 4000):
                time.sleep(0.02)
                yield torch.zeros(size)

    sound = SoundQueue(ahead=8)
    played = play(windows(), sound, NullDevice(), sample_rate=8000)
    assert played.samples == 16000
    assert sound.ahead >= 2 * 4 * 0.02 * 8000  # sleeping is never shorter than asked


def test_a_maker_that_is_too_slow_is_noticed() -> None:
    def slow() -> Iterator[torch.Tensor]:
        yield torch.zeros(160)
        time.sleep(0.2)
        yield torch.zeros(160)

    assert play(slow(), SoundQueue(ahead=80), NullDevice(), sample_rate=8000).underruns >= 5
