"""Engine: a slow thumper whose gears whine."""

import numpy as np

from smalti.data.textures.curves import Tracks, read
from smalti.data.textures.hearing import Rates, listen, looked_up, onsets, repetition, spectra
from smalti.data.textures.kit import Scene, Wave, clock, filtered, lowpass, phase, resonance, strew
from smalti.data.textures.texture import Knob, Texture

TEETH = 72
"""Teeth of the timing gear: its whine has this many cycles per turn of the crank."""
LOADS, VARIANTS = 8, 3
BRIGHT = (
    (-12.4, 0.0),
    (-10.3, 0.14),
    (-8.6, 0.29),
    (-7.2, 0.43),
    (-6.3, 0.57),
    (-5.5, 0.71),
    (-4.7, 0.86),
    (-4.3, 1.0),
)
"""Log2 power of the shots above 1.2 kHz over that below 400 Hz, and the load it stands for; means of 12 clips."""


def _recipe(tracks: Tracks, scene: Scene) -> Wave:
    """Each cylinder fires every second turn of the crank; every shot rings the exhaust, and the gear whines along."""
    cylinders = np.round(tracks["cylinders"])
    at = clock(tracks["rpm"] / 120 * cylinders, scene)
    at = np.abs(at + 0.02 * scene.events.standard_normal(len(at)) / read(tracks["rpm"] / 120 * cylinders, at))
    pattern = 10 ** (0.1 * scene.events.standard_normal(8))
    turn = np.arange(len(at)) % np.maximum(np.round(read(cylinders, at)).astype(int), 1)
    load = read(tracks["load"], at)
    bank = [_shot(level / (LOADS - 1), scene) for level in range(LOADS) for _ in range(VARIANTS)]
    pick = np.round(load * (LOADS - 1)).astype(int) * VARIANTS + scene.events.integers(VARIANTS, size=len(at))
    wave = scene.silence()
    strew(wave, at=at, grains=bank, pick=pick, gain=pattern[turn], rate=scene.sample_rate)
    whine = phase(tracks["rpm"] / 60 * TEETH, scene) + scene.events.random()
    return wave + 0.012 * np.sin(2 * np.pi * whine)


def _shot(load: float, scene: Scene) -> Wave:
    """One firing: a burst through exhaust resonances near 90, 240 and 900 Hz, brighter and noisier under load."""
    length = 0.08
    wave = np.zeros(scene.span(length))
    for frequency, decay, gain in ((90, 0.02, 1.0), (240, 0.01, 0.8), (900, 0.004, 0.15 + 0.6 * load)):
        wave += gain * resonance(frequency=frequency, decay=decay, scene=scene, length=length)
    noise = filtered(
        scene.noise.standard_normal(len(wave)), lambda f: lowpass(f, 1000 + 4000 * load), scene.sample_rate
    )
    wave += (0.1 + 0.5 * load) * noise * np.exp(-np.arange(len(wave)) / (0.006 * scene.sample_rate))
    wave *= np.minimum(np.arange(len(wave)) / scene.span(0.001), 1.0)
    return wave / np.sqrt((wave**2).sum())


def rpm(samples: Wave, sample_rate: int) -> float:
    """Turns per minute: where the shots repeat every second turn and the gear is heard at its own multiple of it.

    The shots alone also repeat every fourth turn, and the gear alone is heard in broad bands; together they agree on
    one speed.
    """
    wave = listen(samples, sample_rate)
    return 120 * _cycle(wave) if len(wave) else float("nan")


def cylinders(samples: Wave, sample_rate: int) -> float:
    """Shots in two turns: of all whole numbers at which they repeat well, the highest; up to 40 shots a second."""
    wave = listen(samples, sample_rate)
    if not len(wave):
        return float("nan")
    rates, agreement = repetition(*onsets(wave, hop=64), low=1, high=86)
    shots = np.interp(_cycle(wave) * np.arange(1, 9), rates, agreement)
    return float(np.flatnonzero(shots >= 0.6 * shots.max()).max() + 1)


def load(samples: Wave, sample_rate: int) -> float:
    """From how much of the shots' power lies above 1.2 kHz, what sounds all the time being taken off."""
    wave = listen(samples, sample_rate)
    if not len(wave):
        return float("nan")
    power, frequency = spectra(wave, size=512, hop=128)
    shots = np.maximum(power.mean(axis=0) - 1.3 * np.quantile(power, 0.3, axis=0), 0.0)
    bright = float(shots[frequency > 1200].sum() / max(float(shots[frequency < 400].sum()), 1e-20))
    return looked_up(float(np.log2(bright + 1e-9)), BRIGHT)


def _cycle(wave: Wave) -> float:
    """Full cycles (two turns) a second."""
    rates, agreement = repetition(*onsets(wave), low=2.2, high=24)
    score = _gear(wave, rates * 2 * TEETH) + np.maximum(agreement, 0) / max(float(agreement.max()), 1e-9)
    return float(rates[score.argmax()])


def _gear(wave: Wave, scale: Rates) -> Rates:
    """How far the steady part of the spectrum stands out at each frequency, 1 at the best.

    Shots come and go, the whine stays: what is heard in all but the quietest third of the frames counts.
    """
    power, frequency = spectra(wave, size=1024, hop=256)
    level = 10 * np.log10(power + 1e-9 * power.max() + 1e-30)
    heard = np.interp(scale, frequency, np.quantile(level, 0.3, axis=0))
    around = np.lib.stride_tricks.sliding_window_view(np.pad(heard, 48, mode="edge"), 97)
    above = np.maximum(heard - np.median(around, axis=1), 0.0)
    return above / max(float(above.max()), 1e-9)


ENGINE = Texture(
    "engine",
    knobs=(
        Knob("rpm", 300.0, 2400.0, 900.0, "rpm", "log"),
        Knob("cylinders", 1.0, 8.0, 1.0),
        Knob("load", 0.0, 1.0, 0.3),
    ),
    recipe=_recipe,
    estimate={"rpm": rpm, "cylinders": cylinders, "load": load},
    windows={"rpm": 0.5, "load": 2.0},
)
