"""Pistons: a machine that strikes metal, again and again."""

import numpy as np

from smalti.data.textures.curves import Tracks, read
from smalti.data.textures.hearing import fastest, listen, log_mean, onsets, repetition, spectra
from smalti.data.textures.kit import Scene, Wave, clock, filtered, lowpass, resonance, strew
from smalti.data.textures.texture import Knob, Texture

LEVELS, VARIANTS = 12, 3


def _recipe(tracks: Tracks, scene: Scene) -> Wave:
    """Strokes of a jittered clock; each a short burst of noise that rings four modes of the same metal."""
    at = clock(tracks["rate"], scene)
    jitter = read(tracks["irregularity"], at) / read(tracks["rate"], at)
    level = 0.85 + 0.3 * scene.events.random(len(at))
    at = np.abs(at + jitter * scene.events.standard_normal(len(at)))
    steps = np.round(read(tracks["hardness"], at) * (LEVELS - 1)).astype(int)
    ringing = _modes(scene)
    grains = {}
    for step in sorted(set(steps.tolist())):
        for variant in range(VARIANTS):
            grains[step * VARIANTS + variant] = _stroke(step / (LEVELS - 1), ringing, scene)
    names = sorted(grains)
    pick = np.searchsorted(names, steps * VARIANTS + scene.events.integers(VARIANTS, size=len(at)))
    wave = scene.silence()
    strew(wave, at=at, grains=[grains[n] for n in names], pick=pick, gain=level, rate=scene.sample_rate)
    return wave


def _modes(scene: Scene) -> Wave:
    """The metal of this clip: four decaying modes, one per octave and a bit from 180 Hz on."""
    wave = np.zeros(scene.span(0.15))
    for octave in range(4):
        frequency = 220 * 2 ** (1.15 * octave + scene.events.uniform(-0.2, 0.2))
        decay = 1 / (np.pi * scene.events.uniform(25, 50) * (1 + 0.5 * octave))
        wave += resonance(frequency=frequency, decay=decay, scene=scene, length=0.15) / (1 + 0.3 * octave)
    return wave


def _stroke(hardness: float, ringing: Wave, scene: Scene) -> Wave:
    """One stroke: 3 ms of noise below 500 Hz (soft) to 8 kHz (hard), heard directly and through the metal."""
    burst = np.zeros(len(ringing))
    size = scene.span(0.003)
    burst[:size] = scene.noise.standard_normal(size) * np.hanning(size + 2)[1:-1]
    cut = 500 * 16**hardness
    burst = filtered(burst, lambda f: lowpass(f, cut), scene.sample_rate)
    burst /= np.sqrt((burst**2).sum())
    length = 2 * len(ringing)
    rung = np.fft.irfft(np.fft.rfft(burst, length) * np.fft.rfft(ringing, length), length)[: len(ringing)]
    rung /= np.sqrt((rung**2).sum())
    return (rung + 0.5 * burst) * np.linspace(1, 0, len(rung))


def rate(samples: Wave, sample_rate: int) -> float:
    """Strokes per second, from the repetition of onsets."""
    wave = listen(samples, sample_rate)
    return fastest(*repetition(*onsets(wave), low=0.8, high=20)) if len(wave) else float("nan")


def hardness(samples: Wave, sample_rate: int) -> float:
    """From the spectrum's log centroid above 300 Hz; outside 0…1 if the sound is."""
    wave = listen(samples, sample_rate)
    if not len(wave):
        return float("nan")
    power, frequency = spectra(wave, size=512, hop=256)
    high = frequency > 300
    return float(np.log2(log_mean(frequency[high], power.mean(axis=0)[high]) / 500) / 3)


PISTONS = Texture(
    "pistons",
    knobs=(
        Knob("rate", 1.0, 16.0, 4.0, "Hz", "log"),
        Knob("irregularity", 0.0, 0.5, 0.02),
        Knob("hardness", 0.0, 1.0, 0.5),
    ),
    recipe=_recipe,
    estimate={"rate": rate, "hardness": hardness},
)
