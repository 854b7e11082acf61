"""Peepers: small frogs that whistle in the dark."""

import numpy as np

from smalti.data.textures.curves import Tracks, read
from smalti.data.textures.hearing import listen, spectra
from smalti.data.textures.kit import Scene, Wave, clock
from smalti.data.textures.texture import Knob, Texture

ANIMALS = 6


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
    """Middle pitch of the calls in Hz: the power-weighted mean of the peaks' log frequency."""
    wave = listen(samples, sample_rate)
    if not len(wave):
        return float("nan")
    power, frequency = spectra(wave, size=1024, hop=256)
    inside = (frequency > 600) & (frequency < 8500)
    weight = power[:, inside] ** 2
    loud = weight.sum(axis=1)
    centre = (weight * np.log2(frequency[inside])).sum(axis=1) / (loud + 1e-30)
    keep = np.sqrt(loud) > 0.05 * np.sqrt(loud.max())
    return float(2 ** np.average(centre[keep], weights=np.sqrt(loud[keep]))) if keep.any() else float("nan")


PEEPERS = Texture(
    "peepers",
    knobs=(
        Knob("pitch", 1200.0, 4800.0, 2400.0, "Hz", "log"),
        Knob("call_rate", 0.5, 12.0, 5.0, "calls/s", "log"),
        Knob("spread", 0.0, 1.0, 0.15, "octaves"),
    ),
    recipe=_recipe,
    estimate={"pitch": pitch},
)
