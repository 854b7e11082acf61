"""Peepers: small frogs that whistle in the dark."""

import numpy as np

from smalti.data.textures.curves import Tracks, read
from smalti.data.textures.hearing import RATE, listen, peaks, spectra
from smalti.data.textures.kit import Scene, Wave, clock
from smalti.data.textures.texture import Knob, Texture

ANIMALS = 6
GLIDE = 0.02
"""Deviation in octaves of the pitch within one call, as it is measured."""


def _recipe(tracks: Tracks, scene: Scene) -> Wave:
    """Short whistles that rise by a tenth; each animal keeps its own pitch, evenly apart over `spread` octaves."""
    at = clock(tracks["call_rate"], scene)
    at = np.abs(at + 0.15 * scene.events.standard_normal(len(at)) / read(tracks["call_rate"], at))
    who = np.concatenate([scene.events.permutation(ANIMALS) for _ in range(len(at) // ANIMALS + 1)])[: len(at)]
    away = (who / (ANIMALS - 1) - 0.5) * read(tracks["spread"], at)
    pitch = read(tracks["pitch"], at) * 2**away
    level = 10 ** (0.12 * scene.events.standard_normal(len(at)))
    size = scene.span(0.12)
    time = np.arange(size) / scene.sample_rate
    bell, rise = np.sin(np.pi * np.arange(size) / size) ** 2, time * (0.95 + 0.1 * time / 0.12 / 2)
    wave = scene.silence()
    for start, frequency, gain in zip((at * scene.sample_rate).astype(int).tolist(), pitch, level, strict=True):
        call = gain * bell * np.sin(2 * np.pi * frequency * rise)
        wave[start : start + size] += call[: max(0, len(wave) - start)]
    return wave


def pitch(samples: Wave, sample_rate: int) -> float:
    """Middle pitch of the calls in Hz."""
    return float(2 ** _calls(samples, sample_rate)[0])


def spread(samples: Wave, sample_rate: int) -> float:
    """Octaves from the lowest animal to the highest, from the deviation of the calls' pitch less that of one call."""
    variance = _calls(samples, sample_rate)[1] - GLIDE**2
    return float(np.sqrt(max(variance, 0.0)) / 0.3416) if np.isfinite(variance) else float("nan")


def call_rate(samples: Wave, sample_rate: int) -> float:
    """Calls per second, from counting onsets above 600 Hz."""
    wave = listen(samples, sample_rate)
    if not len(wave):
        return float("nan")
    power, frequency = spectra(wave, size=512, hop=64)
    power = power[:, (frequency > 600) & (frequency < 9000)]
    bands = np.add.reduceat(power, np.arange(0, power.shape[1], 8), axis=1)
    level = 10 * np.log10(bands + 1e-3 * bands.max() + 1e-20)
    rise = np.maximum(np.diff(level, axis=0), 0.0).sum(axis=1)
    rise = np.convolve(rise, np.hanning(9) / 4, "same")
    found = peaks(rise, apart=16, height=0.25 * float(np.quantile(rise, 0.98)))
    return len(found) / (len(wave) / RATE)


def _calls(samples: Wave, sample_rate: int) -> tuple[float, float]:
    """Mean (log2 Hz) and variance (octaves²) of the strongest pitch over all frames in which something calls.

    Squared powers pick the strongest partial of a frame; frames count by their level, from 26 dB below the loudest on.
    """
    wave = listen(samples, sample_rate)
    if not len(wave):
        return float("nan"), float("nan")
    power, frequency = spectra(wave, size=1024, hop=256)
    inside = (frequency > 600) & (frequency < 8500)
    weight = power[:, inside] ** 2
    loud = np.sqrt(weight.sum(axis=1))
    place = (weight * np.log2(frequency[inside])).sum(axis=1) / np.maximum(loud**2, 1e-30)
    calling = loud > 0.05 * loud.max()
    if not calling.any():
        return float("nan"), float("nan")
    mean = float(np.average(place[calling], weights=loud[calling]))
    return mean, float(np.average((place[calling] - mean) ** 2, weights=loud[calling]))


PEEPERS = Texture(
    "peepers",
    knobs=(
        Knob("pitch", 1200.0, 4800.0, 2400.0, "Hz", "log"),
        Knob("call_rate", 0.5, 12.0, 5.0, "calls/s", "log"),
        Knob("spread", 0.0, 1.0, 0.15, "octaves"),
    ),
    recipe=_recipe,
    estimate={"pitch": pitch, "call_rate": call_rate, "spread": spread},
    windows={"pitch": 0.5, "call_rate": 2.0, "spread": 2.0},
)
