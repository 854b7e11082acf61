"""Broken, odd and hostile files: decoded properly, decoded with a named flag, or refused with file and reason."""

import sys
import types
from pathlib import Path

import numpy as np
import pytest

from faults.malformed_files import FILES, RATE, SAMPLES, wave
from smalti.audio import DamageWarning, blocks, inspect, read
from smalti.audio.claims import DAMAGE
from smalti.core import DataError


@pytest.mark.parametrize("case", FILES)
def test_a_broken_file_does_what_is_promised(tmp_path: Path, case: str) -> None:
    data, expected = FILES[case]
    path = tmp_path / "sound.bin"
    path.write_bytes(data)
    if expected == ():
        assert inspect(path).flags == ()
    elif expected in DAMAGE:
        assert expected in inspect(path).flags
        with pytest.warns(DamageWarning, match=rf"sound\.bin: .*{expected}"):
            assert read(path).samples.shape[1] == inspect(path).frames
    else:
        with pytest.raises(DataError, match=rf"sound\.bin: .*{expected}"):
            inspect(path)


def test_what_a_crashed_recorder_left_is_all_read(tmp_path: Path) -> None:
    (tmp_path / "crashed.wav").write_bytes(wave(claimed=0, riff=0))
    (tmp_path / "whole.wav").write_bytes(wave())
    with pytest.warns(DamageWarning):
        assert read(tmp_path / "crashed.wav").samples.equal(read(tmp_path / "whole.wav").samples)


def test_a_damaged_file_warns_when_read_in_blocks(tmp_path: Path) -> None:
    (tmp_path / "cut.wav").write_bytes(wave()[:5000])
    with pytest.warns(DamageWarning, match="cut-short"):
        assert sum(len(block) for block in blocks(tmp_path / "cut.wav")) == (5000 - 44) // 2


def test_media_is_decoded_where_the_optional_decoder_is_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Frame:
        def to_ndarray(self) -> np.ndarray:
            return np.stack([SAMPLES[:1000], 3 * SAMPLES[:1000]])

    class Container:
        codec_context = types.SimpleNamespace(sample_rate=RATE, channels=2, name="aac")
        streams = types.SimpleNamespace(audio=[types.SimpleNamespace(codec_context=codec_context)])

        def decode(self, *, audio: int) -> list[int]:
            return [audio, 1]

        def close(self) -> None:
            pass

    resampler = types.SimpleNamespace(resample=lambda frame: [Frame()])
    fake = types.SimpleNamespace(
        open=lambda file: Container(), FFmpegError=OSError, AudioResampler=lambda *, format: resampler
    )
    monkeypatch.setitem(sys.modules, "av", fake)  # type: ignore[arg-type]
    path = tmp_path / "a.m4a"
    path.write_bytes(FILES["m4a"][0])
    assert np.allclose(read(path).samples[0].numpy(), np.tile(2 * SAMPLES[:1000], 2), atol=1e-6)
    assert inspect(path).format == "MEDIA/AAC"
    assert read(path, start=0.1, seconds=0.01).samples.shape == (1, 160)
