"""What the samples say is told by name; what is no sound is refused."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from smalti.audio import inspect, read
from smalti.core import DataError

RATE = 8000


def flags_of(folder: Path, samples: np.ndarray, subtype: str = "FLOAT") -> tuple[str, ...]:
    path = folder / "sound.wav"
    soundfile.write(path, samples.astype(np.float32), RATE, subtype=subtype)
    return inspect(path).flags


TIME = np.arange(RATE) / RATE
SINE = 0.5 * np.sin(2 * np.pi * 440 * TIME)
NOISE = np.random.default_rng(0).standard_normal(RATE) * 0.1

CASES = {
    "a plain tone": (SINE, ()),
    "silence": (0 * SINE, ("silent",)),
    "denormals": (1e-41 * SINE, ("silent",)),
    "dither": (3e-5 * NOISE, ("silent",)),
    "a constant": (0 * SINE + 0.4, ("constant",)),
    "a hard-clipped tone": (np.clip(3 * SINE, -1, 1), ("clipped",)),
    "a square wave": (np.sign(SINE + 1e-9), ("clipped",)),
    "peaks at four": (8 * SINE, ("over-full-scale",)),
    "ten milliseconds": (SINE[:80], ("short",)),
    "channels that cancel": (np.stack([SINE, -SINE], 1), ("antiphase",)),
    "one channel silent": (np.stack([SINE, 0 * SINE], 1), ()),
    "unrelated channels": (np.stack([NOISE, NOISE[::-1]], 1), ()),
}


@pytest.mark.parametrize("case", CASES)
def test_a_quality_has_its_name(tmp_path: Path, case: str) -> None:
    samples, expected = CASES[case]
    assert flags_of(tmp_path, samples) == expected


def test_a_full_scale_tone_is_not_called_clipped(tmp_path: Path) -> None:
    assert flags_of(tmp_path, np.sin(2 * np.pi * 1000.7 * TIME), "PCM_16") == ()


def test_many_unrelated_channels_are_not_called_antiphase(tmp_path: Path) -> None:
    assert flags_of(tmp_path, np.random.default_rng(1).standard_normal((RATE, 64)) * 0.1) == ()


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e30])
@pytest.mark.parametrize("position", [0, 7001])
def test_values_that_are_no_sound_are_refused_with_their_time(tmp_path: Path, value: float, position: int) -> None:
    samples = SINE.copy()
    samples[position] = value
    with pytest.raises(DataError, match=f"at {position / RATE:.3f} s is"):
        flags_of(tmp_path, samples)


def test_peaks_above_full_scale_are_kept(tmp_path: Path) -> None:
    flags_of(tmp_path, 8 * SINE)
    assert abs(float(read(tmp_path / "sound.wav").samples.abs().max()) - 4.0) < 1e-3
