"""Bees: a few buzzing voices that wander in pitch and come and go."""

import functools

import numpy as np
from jaxtyping import Float

from smalti.data.textures.curves import Tracks
from smalti.data.textures.hearing import listen, spectra
from smalti.data.textures.kit import Scene, Wave, at_samples, drift, phase
from smalti.data.textures.texture import Knob, Texture

HARMONICS = 10
DETUNING = 0.6
"""Semitones between the highest and the lowest voice's mean pitch."""

WIDTHS = np.geomspace(0.012, 0.3, 18)
TOOTH = 0.25
"""Width in semitones, as the comb finds it, of a harmonic of voices that do not wander."""


def _recipe(tracks: Tracks, scene: Scene) -> Wave:
    """Saw-like voices of ten harmonics; their mean pitches lie evenly around the wing rate."""
    voices = int(np.ceil(tracks["count"].max()))
    table = _wing()
    detuned = scene.events.permutation(np.linspace(-0.5, 0.5, voices) * DETUNING) if voices > 1 else np.zeros(1)
    wave = scene.silence()
    for voice in range(voices):
        wander = tracks["wander"] * drift(tracks["wander_speed"], scene.events) / 2
        near = 10 ** (0.2 * drift(tracks["wander_speed"] / 2, scene.events))
        here = np.clip(tracks["count"] - voice, 0.0, 1.0) * near
        frequency = tracks["wing_rate"] * 2 ** ((wander + detuned[voice]) / 12)
        turn = phase(frequency, scene) + scene.events.random()
        wave += table[((turn % 1.0) * len(table)).astype(np.int64) % len(table)] * at_samples(here, scene)
    return wave


@functools.cache
def _wing() -> Wave:
    """One wing beat: harmonics falling as 1 / k."""
    turn = np.arange(8192) / 8192
    return sum((np.sin(2 * np.pi * k * turn) / k for k in range(1, HARMONICS + 1)), np.zeros(8192))


def wing_rate(samples: Wave, sample_rate: int) -> float:
    """Wing beats per second: the pitch at which a comb of ten harmonics fits the long-term spectrum best."""
    return _fit(samples, sample_rate)[0]


def wander(samples: Wave, sample_rate: int) -> float:
    """Semitones to either side, from how wide the comb's teeth are; the voices' detuning is taken off.

    A comb finds a wandering tooth a little narrower than it is, hence 2.27 where 2 would be.
    """
    width = 12 * _fit(samples, sample_rate)[1]
    return float(2.27 * np.sqrt(max(width**2 - TOOTH**2, 0.0))) if np.isfinite(width) else float("nan")


def _fit(samples: Wave, sample_rate: int) -> tuple[float, float]:
    """Pitch in Hz and width of a harmonic (one standard deviation, in octaves) of the comb that fits best."""
    wave = listen(samples, sample_rate)
    if not len(wave):
        return float("nan"), float("nan")
    power, frequency = spectra(wave, size=4096, hop=1024)
    scale, pitches, combs = _combs()
    heard = np.interp(scale, frequency, power.mean(axis=0))
    level = 10 * np.log10(heard + 1e-4 * heard.max() + 1e-30)
    agreement = combs @ (level - level.mean())
    width, pitch = np.unravel_index(agreement.argmax(), agreement.shape)
    return float(pitches[pitch]), float(WIDTHS[width])


@functools.cache
def _combs() -> tuple[
    Float[np.ndarray, " frequency"], Float[np.ndarray, " pitch"], Float[np.ndarray, "width pitch frequency"]
]:
    """Log-spaced frequencies, candidate pitches, and the level spectrum of each width and pitch (mean 0, length 1)."""
    scale = np.geomspace(80, 8000, 480)
    pitches = np.geomspace(110, 640, 240)
    octaves = np.log2(scale / pitches[:, None])
    power = np.full((len(WIDTHS), *octaves.shape), 1e-4)
    for k in range(1, HARMONICS + 1):
        power += np.exp(-0.5 * ((octaves - np.log2(k)) / WIDTHS[:, None, None]) ** 2) / k**2
    level = 10 * np.log10(power)
    level -= level.mean(axis=2, keepdims=True)
    return scale, pitches, level / np.sqrt((level**2).sum(axis=2, keepdims=True))


BEES = Texture(
    "bees",
    knobs=(
        Knob("wing_rate", 150.0, 500.0, 240.0, "Hz", "log"),
        Knob("count", 1.0, 12.0, 4.0),
        Knob("wander", 0.0, 4.0, 0.7, "semitones"),
        Knob("wander_speed", 0.5, 6.0, 1.5, "Hz", "log"),
    ),
    recipe=_recipe,
    estimate={"wing_rate": wing_rate, "wander": wander},
    windows={"wing_rate": 0.5, "wander": 2.0},
)
