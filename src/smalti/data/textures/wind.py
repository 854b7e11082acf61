"""Wind: noise through a moving band; gusts raise its pitch and its loudness together."""

import numpy as np

from smalti.data.textures.curves import Tracks, read
from smalti.data.textures.hearing import listen, spectra
from smalti.data.textures.kit import Scene, Wave, drift, shaped_noise
from smalti.data.textures.texture import Knob, Texture


def _recipe(tracks: Tracks, scene: Scene) -> Wave:
    """White noise through a resonance at `strength * 2^(.35 gust)`, on a bed that falls off above it.

    Differs: SynTex low-passes first and has the gust's mean free; here the gusts of a clip average to nothing, so
    `strength` is the mean centre of each clip and not only of the kind.
    """
    gust = drift(tracks["gustiness"], scene.events)
    centre = tracks["strength"] * 2 ** (0.35 * gust)
    howl, loudness = tracks["howl"], 10 ** (0.15 * gust)

    def gain(moments: Wave, frequency: Wave) -> Wave:
        at = moments[:, 0]
        place = np.maximum(frequency, 1.0) / read(centre, at)[:, None]
        ring = 1 / np.sqrt(1 + (read(howl, at)[:, None] * (place - 1 / place)) ** 2)
        bed = 0.12 / (1 + place**3)
        low = 1 / (1 + (np.minimum(1.0, 60 / np.maximum(frequency, 1.0))) ** 4)
        return (ring / (1 + (place / 3) ** 3) + bed) * low * read(loudness, at)[:, None]

    return shaped_noise(gain, scene)


def _centres(samples: Wave, sample_rate: int) -> tuple[Wave, Wave]:
    """Log2 frequency of the band's middle and log2 power in each frame of 46 ms, every 11.6 ms."""
    wave = listen(samples, sample_rate)
    if not len(wave):
        return np.zeros(0), np.zeros(0)
    power, frequency = spectra(wave, size=1024, hop=256)
    inside = (frequency > 60) & (frequency < 6000)
    power = power[:, inside]
    total = power.sum(axis=1) + 1e-20
    return (power * np.log2(frequency[inside])).sum(axis=1) / total, np.log2(total)


def strength(samples: Wave, sample_rate: int) -> float:
    """Mean over time of the centroid on a log frequency scale, in Hz."""
    centres, _ = _centres(samples, sample_rate)
    return float(2 ** centres.mean()) if len(centres) else float("nan")


def gustiness(samples: Wave, sample_rate: int) -> float:
    """Bandwidth in Hz of the gusts, from the centroid of the loudness' modulation spectrum; wants 8 s or more."""
    _, level = _centres(samples, sample_rate)
    if len(level) < 64:
        return float("nan")
    size = len(level)
    power = np.abs(np.fft.rfft((level - level.mean()) * np.hanning(size))) ** 2
    frequency = np.fft.rfftfreq(size, 256 / 22_050)
    power = power - np.median(power[(frequency > 10) & (frequency < 30)])
    inside = (frequency > 0.1) & (frequency < 12)
    power = np.maximum(power[inside], 0)
    return float(2 * (power * frequency[inside]).sum() / max(power.sum(), 1e-20))


WIND = Texture(
    "wind",
    knobs=(
        Knob("strength", 150.0, 1200.0, 400.0, "Hz", "log"),
        Knob("gustiness", 0.3, 8.0, 1.0, "Hz", "log"),
        Knob("howl", 1.0, 12.0, 3.0, "Q", "log"),
    ),
    recipe=_recipe,
    estimate={"strength": strength, "gustiness": gustiness},
)
