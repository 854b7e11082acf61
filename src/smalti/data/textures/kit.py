"""What every texture is made of: a scene with its own randomness, clocks, grains, oscillators and shaped noise."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int64

from smalti.data.textures.curves import CONTROL_RATE, Track, cycles

Wave = Float[np.ndarray, " sample"]
Moments = Float[np.ndarray, " moment"]
Bins = Float[np.ndarray, " bin"]
Gain = Callable[[Float[np.ndarray, " moment"], Bins], Float[np.ndarray, "moment bin"]]


@dataclass(frozen=True, slots=True)
class Scene:
    """Where a texture happens.

    Attributes:
        seconds: duration.
        sample_rate: in Hz.
        events: randomness of what happens when; drawn alike at every sample rate, so that the scene is the same.
        noise: randomness of the sound itself, drawn sample by sample.
    """

    seconds: float
    sample_rate: int
    events: np.random.Generator
    noise: np.random.Generator

    @property
    def samples(self) -> int:
        """Length of the sound."""
        return round(self.seconds * self.sample_rate)

    def silence(self) -> Wave:
        """Zeros of the scene's length."""
        return np.zeros(self.samples)

    def span(self, seconds: float) -> int:
        """A duration in samples, at least one."""
        return max(1, round(seconds * self.sample_rate))


def clock(rate: Track, scene: Scene) -> Moments:
    """Moments of a clock that ticks `rate` times a second, from a random phase."""
    passed = cycles(rate)
    ticks = np.arange(np.ceil(passed[-1]) + 1) + scene.events.random()
    return when(ticks, passed)


def scattered(rate: Track, scene: Scene) -> Moments:
    """Moments of events that know nothing of each other but their number, `rate` a second in this clip; ascending.

    Differs: a Poisson process scatters its count too; here the clip holds as many events as were asked for.
    """
    passed = cycles(rate)
    count = int(passed[-1] + scene.events.random())
    return when(np.sort(scene.events.random(count)) * passed[-1], passed)


def when(ticks: Float[np.ndarray, " tick"], passed: Float[np.ndarray, " edge"]) -> Moments:
    """Moments in seconds at which `passed` (cycles at each control point, never falling) reaches each tick."""
    inside = ticks[(ticks >= passed[0]) & (ticks < passed[-1])]
    return np.interp(inside, passed, np.arange(len(passed)) / CONTROL_RATE)


def drift(speed: Track, generator: np.random.Generator) -> Track:
    """Smooth random wandering with mean 0 and variance 1 over the clip, band-limited to `speed` Hz at every moment.

    Noise limited to one cycle per unit is read along the cycles that have passed, so the speed may change on the way.
    """
    passed = cycles(speed)[:-1]
    points = 8 * (int(passed[-1]) + 8)
    spectrum = np.fft.rfft(generator.standard_normal(points))
    spectrum[np.fft.rfftfreq(points, 1 / 8) > 1.0] = 0.0
    smooth = np.fft.irfft(spectrum, points)
    path = np.interp(passed * 8, np.arange(points), smooth)
    path = path - path.mean()
    return path / max(float(path.std()), 1e-9)


def strew(
    wave: Wave,
    *,
    at: Moments,
    grains: Sequence[Float[np.ndarray, " _"]],
    pick: Int64[np.ndarray, " moment"],
    gain: Moments,
    rate: int,
) -> None:
    """Add grain `pick[i]`, times `gain[i]`, to the wave from the moment `at[i]` on; what hangs over the end is cut."""
    starts = np.round(at * rate).astype(np.int64).tolist()
    for start, which, level in zip(starts, pick.tolist(), gain.tolist(), strict=True):
        grain = grains[which][: max(0, len(wave) - start)]
        wave[start : start + len(grain)] += level * grain


def phase(frequency: Track, scene: Scene) -> Wave:
    """Phase in cycles, at every sample, of an oscillator whose frequency in Hz follows a track."""
    return np.cumsum(at_samples(frequency, scene)) / scene.sample_rate


def at_samples(values: Track, scene: Scene) -> Wave:
    """A track read at every sample."""
    return np.interp(np.arange(scene.samples) * (CONTROL_RATE / scene.sample_rate), np.arange(len(values)), values)


def resonance(*, frequency: float, decay: float, scene: Scene, length: float, start: float = 0.0) -> Wave:
    """A struck resonator: a sine of `frequency` Hz from phase `start` (cycles), falling to 1/e in `decay` s."""
    time = np.arange(scene.span(length)) / scene.sample_rate
    return np.sin(2 * np.pi * (frequency * time + start)) * np.exp(-time / decay)


def filtered(wave: Wave, response: Callable[[Bins], Bins], sample_rate: int) -> Wave:
    """A wave through a filter given as its gain at each frequency in Hz (zero phase, ends padded against wrapping)."""
    length = 1 << (2 * len(wave) - 1).bit_length()
    spectrum = np.fft.rfft(wave, length)
    spectrum *= response(np.fft.rfftfreq(length, 1 / sample_rate))
    return np.fft.irfft(spectrum, length)[: len(wave)]


def band(frequency: Bins, centre: float, width: float) -> Bins:
    """Gain of a band-pass: a bell over log frequency, one standard deviation being `width` octaves."""
    octaves = np.log2(np.maximum(frequency, 1.0) / centre)
    return np.exp(-0.5 * (octaves / width) ** 2)


def lowpass(frequency: Bins, cut: float) -> Bins:
    """Gain of a second-order Butterworth low-pass."""
    return 1.0 / np.sqrt(1.0 + (frequency / cut) ** 4)


def shaped_noise(gain: Gain, scene: Scene) -> Wave:
    """White noise through a filter that moves: `gain(moments in s, frequencies in Hz)`, joined by overlapping windows.

    Windows are 46 ms, a quarter apart, and sine-shaped on the way in and out, so a gain of one gives white noise back.
    """
    size = 1 << round(np.log2(0.0464 * scene.sample_rate))
    hop = size // 4
    frames = scene.samples // hop + 5
    window = np.sin(np.pi * (np.arange(size) + 0.5) / size) / np.sqrt(2.0)
    white = scene.noise.standard_normal((frames + 4) * hop)
    pieces = np.lib.stride_tricks.sliding_window_view(white, size)[::hop][:frames] * window
    moments = (np.arange(frames) - 1) * (hop / scene.sample_rate)
    bins = np.fft.rfftfreq(size, 1 / scene.sample_rate)
    shaped = np.fft.irfft(np.fft.rfft(pieces) * gain(moments, bins), size) * window
    out = np.zeros((frames + 3, hop))
    for quarter in range(4):
        out[quarter : quarter + frames] += shaped.reshape(frames, 4, hop)[:, quarter]
    return out.reshape(-1)[3 * hop : 3 * hop + scene.samples]
