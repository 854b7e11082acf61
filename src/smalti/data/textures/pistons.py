"""Pistons: a machine that strikes metal, again and again."""

import numpy as np
from jaxtyping import Int64

from smalti.data.textures.curves import Tracks, read
from smalti.data.textures.hearing import Envelope, fastest, listen, looked_up, onsets, peaks, repetition, spectra
from smalti.data.textures.kit import Scene, Wave, clock, filtered, lowpass, resonance, strew
from smalti.data.textures.texture import Knob, Texture

LEVELS, VARIANTS = 12, 3
REGULAR = 0.7
"""Agreement from which on a repetition is believed; strokes that jitter by a twelfth of the period reach it."""
HARD = ((-12.3, 0.0), (-9.3, 0.25), (-6.5, 0.5), (-4.6, 0.75), (-3.3, 1.0))
"""Log2 of the share of power above 3.5 kHz, and the hardness it stands for; means of 12 clips."""


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
    """Strokes per second: the repetition of onsets, or where they repeat too badly, their number."""
    wave = listen(samples, sample_rate)
    if not len(wave):
        return float("nan")
    rise, frame_rate = onsets(wave)
    rates, agreement = repetition(rise, frame_rate, low=0.8, high=20)
    if agreement.max() >= REGULAR:
        return fastest(rates, agreement)
    return len(_strokes(rise)) / (len(rise) / frame_rate)


def irregularity(samples: Wave, sample_rate: int) -> float:
    """Jitter of a stroke as a share of the period, from the scatter of the gaps; wants 30 strokes or more."""
    wave = listen(samples, sample_rate)
    if not len(wave):
        return float("nan")
    rise, frame_rate = onsets(wave)
    gaps = np.diff(_strokes(rise)) / frame_rate
    return float(gaps.std() / gaps.mean() / np.sqrt(2)) if len(gaps) > 2 else float("nan")


def _strokes(rise: Envelope) -> Int64[np.ndarray, " stroke"]:
    """Frames in which something is struck: a third of the strongest rise or more."""
    rise = np.convolve(rise, np.hanning(5) / 2, "same")
    return peaks(rise, apart=2, height=0.3 * float(np.quantile(rise, 0.995)))


def hardness(samples: Wave, sample_rate: int) -> float:
    """From the share of power above 3.5 kHz, where the metal's modes do not ring."""
    wave = listen(samples, sample_rate)
    if not len(wave):
        return float("nan")
    power, frequency = spectra(wave, size=512, hop=128)
    mean = power.mean(axis=0)
    return looked_up(float(np.log2(mean[frequency > 3500].sum() / mean.sum() + 1e-6)), HARD)


PISTONS = Texture(
    "pistons",
    knobs=(
        Knob("rate", 1.0, 16.0, 4.0, "Hz", "log"),
        Knob("irregularity", 0.0, 0.5, 0.02),
        Knob("hardness", 0.0, 1.0, 0.5),
    ),
    recipe=_recipe,
    estimate={"rate": rate, "irregularity": irregularity, "hardness": hardness},
    windows={"rate": 1.5, "irregularity": 4.0, "hardness": 2.0},
)
