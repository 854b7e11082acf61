"""Applause: from one pair of hands to a crowd."""

import numpy as np
from jaxtyping import Float, Int64

from smalti.data.textures.curves import Tracks, cycles, read
from smalti.data.textures.hearing import calibrated, listen, unevenness
from smalti.data.textures.kit import Moments, Scene, Wave, band, strew, when
from smalti.data.textures.texture import Knob, Texture

EVEN = ((0.0242, 256.0), (0.0900, 64.0), (0.4587, 16.0), (2.355, 4.0), (8.993, 1.0))
"""Unevenness of a number of clappers; the mean of 24 clips of 4 s each."""


def _recipe(tracks: Tracks, scene: Scene) -> Wave:
    """Every clapper has hands of their own (one grain), a place (its level) and a clock that others may pull along."""
    people = int(np.ceil(tracks["clappers"].max()))
    at, who = _claps(tracks, scene, people)
    present = np.clip(read(tracks["clappers"], at) - who, 0.0, 1.0)
    place = 10 ** (0.15 * scene.events.standard_normal(people))
    force = place[who] * present * (0.8 + 0.4 * scene.events.random(len(at)))
    wave = scene.silence()
    strew(wave, at=at, grains=list(_hands(people, scene)), pick=who, gain=force, rate=scene.sample_rate)
    return wave


def _claps(tracks: Tracks, scene: Scene, people: int) -> tuple[Moments, Int64[np.ndarray, " moment"]]:
    """Moments of all claps and who claps.

    A clapper's phase is the common clock's plus their own offset and their own pace (8 % apart); both shrink as
    synchrony grows. A clap then falls 4 % of a period beside its time.
    """
    common = cycles(tracks["clap_rate"])
    apart = np.concatenate((1 - tracks["synchrony"], 1 - tracks["synchrony"][-1:]))
    offset, pace = scene.events.random(people), 0.08 * scene.events.standard_normal(people)
    ticks = np.arange(np.ceil(common[-1] * 1.5) + 2)
    moments = [
        when(ticks, np.maximum.accumulate(common + apart * (o + p * common))) for o, p in zip(offset, pace, strict=True)
    ]
    who = np.repeat(np.arange(people), [len(m) for m in moments])
    at = np.concatenate(moments)
    beside = 0.04 * scene.events.standard_normal(len(at)) / read(tracks["clap_rate"], at)
    return np.abs(at + beside), who


def _hands(people: int, scene: Scene) -> Float[np.ndarray, "people sample"]:
    """One clap of each: 20 ms of noise that dies in 4 ms, in a band between 600 and 2800 Hz."""
    size = scene.span(0.02)
    spectrum = np.fft.rfft(scene.noise.standard_normal((people, size)), 2 * size)
    frequency = np.fft.rfftfreq(2 * size, 1 / scene.sample_rate)
    centres = 600 * 2 ** (2.2 * scene.events.random(people))
    gains = np.stack([band(frequency, c, 0.45) for c in centres])
    claps = np.fft.irfft(spectrum * gains, 2 * size)[:, :size]
    claps *= np.exp(-np.arange(size) / (0.004 * scene.sample_rate))
    return claps / np.sqrt((claps**2).sum(axis=1, keepdims=True))


def clappers(samples: Wave, sample_rate: int) -> float:
    """How many clap, from how even the sound is; right where each claps about three times a second on their own."""
    wave = listen(samples, sample_rate)
    return calibrated(unevenness(wave, low=400, high=5000), EVEN) if len(wave) else float("nan")


APPLAUSE = Texture(
    "applause",
    knobs=(
        Knob("clappers", 1.0, 256.0, 32.0, "", "log"),
        Knob("clap_rate", 2.0, 4.0, 3.0, "Hz", "log"),
        Knob("synchrony", 0.0, 1.0, 0.0),
    ),
    recipe=_recipe,
    estimate={"clappers": clappers},
    windows={"clappers": 1.0},
)
