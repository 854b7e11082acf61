"""FM: a tone whose pitch swings."""

import numpy as np

from smalti.data.textures.curves import Tracks
from smalti.data.textures.hearing import RATE, Envelope, listen, spectra
from smalti.data.textures.kit import Scene, Wave, at_samples, phase
from smalti.data.textures.texture import Knob, Texture

HOP = 128
"""Samples from one reading of the pitch to the next, 5.8 ms."""


def _recipe(tracks: Tracks, scene: Scene) -> Wave:
    """A sine whose log frequency follows a sine.

    Differs: SynTex swings the phase, sin(2π fc t + I sin(2π fm t)), so its swing in Hz is I fm; here `depth` is the
    swing itself, in octaves to either side, and stays when the modulation's rate changes.
    """
    swing = np.sin(2 * np.pi * (phase(tracks["modulation"], scene) + scene.events.random()))
    pitch = at_samples(np.log2(tracks["carrier"]), scene) + at_samples(tracks["depth"], scene) * swing
    turn = np.cumsum(np.exp2(pitch)) / scene.sample_rate
    return np.sin(2 * np.pi * (turn + scene.events.random()))


def _pitch(samples: Wave, sample_rate: int) -> Envelope:
    """Log2 of the tone's frequency every 5.8 ms."""
    wave = listen(samples, sample_rate)
    if not len(wave):
        return np.zeros(0)
    power, frequency = spectra(wave, size=512, hop=HOP)
    inside = frequency > 80
    weight = power[:, inside] ** 2 + 1e-30
    return (weight * np.log2(frequency[inside])).sum(axis=1) / weight.sum(axis=1)


def modulation(samples: Wave, sample_rate: int) -> float:
    """Swings per second: the rate of the one sine that explains most of the pitch.

    Unlike a repetition, a sine neither fits at half its rate nor needs a whole period; clips of 0.7 periods are enough.
    """
    pitch = _pitch(samples, sample_rate)
    if len(pitch) < 8:
        return float("nan")
    time = np.arange(len(pitch)) * (HOP / RATE)
    low = max(0.4, 0.7 / (len(pitch) * HOP / RATE))
    rates = np.geomspace(low, 16.0, 1 + round(96 * np.log2(16.0 / low)))
    turn = 2 * np.pi * rates[:, None] * time
    sine, cosine = np.sin(turn), np.cos(turn)
    sine -= sine.mean(axis=1, keepdims=True)
    cosine -= cosine.mean(axis=1, keepdims=True)
    along, across = sine @ (pitch - pitch.mean()), cosine @ (pitch - pitch.mean())
    ss, cc, sc = (sine**2).sum(axis=1), (cosine**2).sum(axis=1), (sine * cosine).sum(axis=1)
    explained = cc * along**2 - 2 * sc * along * across + ss * across**2
    return float(rates[(explained / np.maximum(ss * cc - sc**2, 1e-9 * ss * cc)).argmax()])


def carrier(samples: Wave, sample_rate: int) -> float:
    """Frequency in Hz around which the tone swings."""
    pitch = _pitch(samples, sample_rate)
    return float(2 ** pitch.mean()) if len(pitch) else float("nan")


def depth(samples: Wave, sample_rate: int) -> float:
    """Octaves to either side."""
    pitch = _pitch(samples, sample_rate)
    return float(np.sqrt(2) * pitch.std()) if len(pitch) else float("nan")


FM = Texture(
    "fm",
    knobs=(
        Knob("modulation", 0.5, 10.0, 3.0, "Hz", "log"),
        Knob("carrier", 200.0, 2000.0, 800.0, "Hz", "log"),
        Knob("depth", 0.05, 1.0, 0.5, "octaves"),
    ),
    recipe=_recipe,
    estimate={"modulation": modulation, "carrier": carrier, "depth": depth},
    windows={"modulation": 1.0, "carrier": 2.0, "depth": 2.0},
)
