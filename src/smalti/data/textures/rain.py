"""Rain: from single drops to a downpour."""

import numpy as np

from smalti.data.textures.curves import Tracks, read
from smalti.data.textures.hearing import calibrated, listen, log_mean, spectra, unevenness
from smalti.data.textures.kit import Bins, Scene, Wave, at_samples, filtered, resonance, scattered, strew
from smalti.data.textures.texture import Knob, Texture

PITCHES = np.geomspace(900.0, 9000.0, 40)
EVEN = ((0.0180, 3000.0), (0.0718, 606.0), (0.2962, 122.5), (1.534, 24.7), (5.273, 5.0))
"""Unevenness of a rate; the mean of 24 clips of 4 s each."""


def _recipe(tracks: Tracks, scene: Scene) -> Wave:
    """Independent drops of random force, each a short ring (higher for small drops), over a hiss of far ones."""
    at = scattered(tracks["rate"], scene)
    force = np.exp(0.6 * scene.events.standard_normal(len(at)))
    pitch = 6000 * 4 ** -read(tracks["drop_size"], at) * 2 ** (0.3 * scene.events.standard_normal(len(at)))
    pick = np.abs(np.log(PITCHES)[None] - np.log(pitch)[:, None]).argmin(axis=1)
    wave = scene.silence()
    strew(wave, at=at, grains=[_drop(p, scene) for p in PITCHES], pick=pick, gain=force, rate=scene.sample_rate)
    far = filtered(scene.noise.standard_normal(scene.samples), _far, scene.sample_rate)
    return wave + 0.02 * at_samples(tracks["hiss"], scene) * far


def _drop(pitch: float, scene: Scene) -> Wave:
    """A ring of a few periods that sinks a little."""
    start = scene.events.random()
    decay = 6 / pitch
    grain = resonance(
        frequency=min(pitch, 0.45 * scene.sample_rate), decay=decay, scene=scene, length=8 * decay, start=start
    )
    return grain / np.sqrt((grain**2).sum())


def _far(frequency: Bins) -> Bins:
    """Pinkish above 500 Hz."""
    place = np.maximum(frequency, 1.0) / 1500
    return 1 / np.sqrt(1 / place**4 + place)


def rate(samples: Wave, sample_rate: int) -> float:
    """Drops per second, from how even the sound is."""
    wave = listen(samples, sample_rate)
    return calibrated(unevenness(wave, low=1000, high=8000), EVEN) if len(wave) else float("nan")


def drop_size(samples: Wave, sample_rate: int) -> float:
    """From the log centroid: 0 at 6 kHz, 1 at 1.5 kHz."""
    wave = listen(samples, sample_rate)
    if not len(wave):
        return float("nan")
    power, frequency = spectra(wave, size=512, hop=256)
    high = frequency > 500
    return float(-np.log2(log_mean(frequency[high], power.mean(axis=0)[high]) / 6000) / 2)


RAIN = Texture(
    "rain",
    knobs=(
        Knob("rate", 5.0, 3000.0, 100.0, "drops/s", "log"),
        Knob("drop_size", 0.0, 1.0, 0.5),
        Knob("hiss", 0.0, 1.0, 0.2),
    ),
    recipe=_recipe,
    estimate={"rate": rate, "drop_size": drop_size},
    windows={"rate": 1.0, "drop_size": 2.0},
)
