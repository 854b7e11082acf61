"""Texture: one kind of sound as a recipe, its knobs, and the ears that measure each knob from the sound alone."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from smalti.core import Parameter, ParameterError, Scale, nearest
from smalti.data.textures.curves import Curve, Track, Tracks, track
from smalti.data.textures.kit import Scene, Wave

Recipe = Callable[[Tracks, Scene], Wave]
Estimator = Callable[[Wave, int], float]


@dataclass(frozen=True, slots=True)
class Knob:
    """A parameter of one texture and the value it has when nobody turns it."""

    name: str
    low: float
    high: float
    default: float
    unit: str = ""
    scale: Scale = "lin"


class Texture:
    """One kind of sound.

    Attributes:
        name: its label.
        parameters: what can be set, with unit, range and scale.
        defaults: value of each parameter that is not set.
        main: the parameter that is varied first; always measurable.
        estimate: measures of the sound, by parameter: `(samples, sample_rate) -> value in the parameter's unit`, NaN
            where nothing can be measured; no entry where no honest measure is known.
        windows: seconds of sound in which each of them hears enough to follow a parameter that moves; no entry where
            none does.
    """

    def __init__(
        self,
        name: str,
        *,
        knobs: tuple[Knob, ...],
        recipe: Recipe,
        estimate: Mapping[str, Estimator],
        windows: Mapping[str, float],
    ) -> None:
        """The first knob is the main one."""
        self.name = name
        self.parameters = tuple(
            Parameter(name=k.name, label=name, unit=k.unit, low=k.low, high=k.high, scale=k.scale) for k in knobs
        )
        self.defaults = {k.name: k.default for k in knobs}
        self.main = knobs[0].name
        self.estimate = dict(estimate)
        self.windows = dict(windows)
        self._recipe = recipe

    def parameter(self, name: str) -> Parameter:
        """A parameter by its bare name.

        Raises:
            ParameterError: if there is none of that name; names the nearest.
        """
        for parameter in self.parameters:
            if parameter.name == name:
                return parameter
        raise ParameterError(f"parameter {name!r} does not belong to {self.name}; {nearest(name, self.defaults)}")

    def tracks(self, values: Mapping[str, Curve], *, seconds: float) -> dict[str, Track]:
        """Every parameter over time, 100 values a second; those not given stand at their defaults."""
        for name in values:
            self.parameter(name)
        return {
            p.name: track(values.get(p.name, self.defaults[p.name]), parameter=p, seconds=seconds)
            for p in self.parameters
        }

    def render(
        self, values: Mapping[str, Curve], *, seconds: float, sample_rate: int, seed: int
    ) -> tuple[Float[np.ndarray, " sample"], dict[str, Track]]:
        """The sound of some values, peak at most 0.9, and every parameter's track; a pure function of its arguments.

        Raises:
            ParameterError: if a parameter is unknown, a value out of range, or the clip has no length.
        """
        if not 0.05 <= seconds <= 36000 or not 8000 <= sample_rate <= 192_000 or seed < 0:
            found = f"seconds={seconds:g}, sample_rate={sample_rate}, seed={seed}"
            raise ParameterError(
                f"{found} cannot be rendered; give 0.05 s or more, 8000…192000 Hz and a seed from 0 on"
            )
        tracks = self.tracks(values, seconds=seconds)
        source = np.random.SeedSequence([seed, *self.name.encode()])
        events, noise = (np.random.Generator(np.random.PCG64(s)) for s in source.spawn(2))
        wave = self._recipe(tracks, Scene(seconds, sample_rate, events, noise))
        return _levelled(wave), tracks


def _levelled(wave: Wave) -> Float[np.ndarray, " sample"]:
    """Brought to 0.1 RMS (-20 dB re full scale), or to a peak of 0.9 where that comes first."""
    rms, peak = float(np.sqrt(np.mean(wave**2))), float(np.abs(wave).max())
    gain = min(0.1 / max(rms, 1e-9), 0.9 / max(peak, 1e-9))
    return (wave * gain).astype(np.float32)
