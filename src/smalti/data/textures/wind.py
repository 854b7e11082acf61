"""Wind: noise through a moving band; gusts raise its pitch and its loudness together."""

import numpy as np
from jaxtyping import Float

from smalti.data.textures.curves import Tracks, read
from smalti.data.textures.hearing import RATE, Envelope, calibrated, listen, spectra
from smalti.data.textures.kit import Bins, Moments, Scene, Wave, drift, shaped_noise
from smalti.data.textures.texture import Knob, Texture

CENTRE = ((164.2, 150.0), (265.6, 252.3), (441.0, 424.3), (737.2, 713.5), (1233.5, 1200.0))
GUSTS = ((0.5, 0.3), (0.69, 0.68), (0.89, 1.03), (1.07, 1.55), (1.37, 2.34), (1.97, 3.52), (2.77, 5.31), (3.92, 8.0))
NARROW = ((1.45, 1.0), (1.76, 1.86), (2.14, 3.46), (2.50, 6.45), (2.70, 12.0))
"""Readings (centroid in Hz; its modulation in Hz; inverse spread in 1 / octaves) and what they stand for: means of 12
clips of 8 s, the other parameters at their defaults."""


def _recipe(tracks: Tracks, scene: Scene) -> Wave:
    """White noise through a resonance at `strength * 2^(.35 gust)`, on a bed that falls off above it.

    Differs: SynTex low-passes first and has the gust's mean free; here the gusts of a clip average to nothing, so
    `strength` is the mean centre of each clip and not only of the kind.
    """
    gust = drift(tracks["gustiness"], scene.events)
    centre = tracks["strength"] * 2 ** (0.35 * gust)
    howl, loudness = tracks["howl"], 10 ** (0.15 * gust)

    def gain(at: Moments, frequency: Bins) -> Float[np.ndarray, "moment bin"]:
        place = np.maximum(frequency, 1.0) / read(centre, at)[:, None]
        ring = 1 / np.sqrt(1 + (read(howl, at)[:, None] * (place - 1 / place)) ** 2)
        bed = 0.06 / (1 + place**3)
        low = 1 / (1 + (np.minimum(1.0, 60 / np.maximum(frequency, 1.0))) ** 4)
        return (ring / (1 + (place / 3) ** 3) + bed) * low * read(loudness, at)[:, None]

    return shaped_noise(gain, scene)


def _centres(samples: Wave, sample_rate: int) -> tuple[Envelope, Envelope, Envelope]:
    """Of frames of 46 ms, every 11.6 ms: centroid (log2 Hz), spread around it (octaves²), level (log2 power)."""
    wave = listen(samples, sample_rate)
    if not len(wave):
        return np.zeros(0), np.zeros(0), np.zeros(0)
    power, frequency = spectra(wave, size=1024, hop=256)
    inside = (frequency > 60) & (frequency < 6000)
    power, place = power[:, inside] + 1e-20, np.log2(frequency[inside])
    total = power.sum(axis=1)
    centre = (power * place).sum(axis=1) / total
    spread = (power * (place - centre[:, None]) ** 2).sum(axis=1) / total
    return centre, spread, np.log2(total)


def strength(samples: Wave, sample_rate: int) -> float:
    """Mean over time of the centroid on a log frequency scale, in Hz."""
    centre, _, _ = _centres(samples, sample_rate)
    return calibrated(float(2 ** centre.mean()), CENTRE) if len(centre) else float("nan")


def gustiness(samples: Wave, sample_rate: int) -> float:
    """Bandwidth in Hz of the gusts, from the centroid of the level's modulation spectrum; wants 8 s or more."""
    _, _, level = _centres(samples, sample_rate)
    if len(level) < 64:
        return float("nan")
    power = np.abs(np.fft.rfft((level - level.mean()) * np.hanning(len(level)))) ** 2
    frequency = np.fft.rfftfreq(len(level), 256 / RATE)
    floor = float(np.median(power[(frequency > 10) & (frequency < 30)]))
    slow = (frequency > 0.1) & (frequency < 12)
    power = np.maximum(power[slow] - floor, 0.0)
    return calibrated(float((power * frequency[slow]).sum() / max(float(power.sum()), 1e-20)), GUSTS)


def howl(samples: Wave, sample_rate: int) -> float:
    """Q of the resonance, from how narrow the spectrum is around its centroid; above 6 it hardly narrows any more."""
    _, spread, _ = _centres(samples, sample_rate)
    return calibrated(float(1 / np.sqrt(spread.mean())), NARROW) if len(spread) else float("nan")


WIND = Texture(
    "wind",
    knobs=(
        Knob("strength", 150.0, 1200.0, 400.0, "Hz", "log"),
        Knob("gustiness", 0.3, 8.0, 1.0, "Hz", "log"),
        Knob("howl", 1.0, 12.0, 3.0, "Q", "log"),
    ),
    recipe=_recipe,
    estimate={"strength": strength, "gustiness": gustiness, "howl": howl},
    windows={"strength": 1.5, "gustiness": 4.0, "howl": 2.0},
)
