"""Does a model follow a parameter that moves? A ramp and a step are asked for, and the sound is measured along time.

Beside every score stands its ceiling: a real clip that moves the same way, through what makes the model sound, by the
same estimator.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import fmean, median
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from smalti.core import Condition, Parameter, ParameterError, Schema
from smalti.evaluate.clips import Progress, round_trip, sound_clips
from smalti.evaluate.sounding import Sounding
from smalti.evaluate.sweeps import Sweep
from smalti.evaluate.trajectory import TrajectoryScore, trajectory_correlation

Shape = Literal["ramp", "step"]
SHAPES: dict[Shape, tuple[tuple[float, float], ...]] = {
    "ramp": ((0.0, 0.1), (1.0, 0.9)),
    "step": ((0.0, 0.2), (0.5, 0.2), (0.5, 0.8), (1.0, 0.8)),
}
"""(share of the clip, position in the parameter's range), passed one after the other."""

_SEEDS_APART = 7_000_003
_HOPS = 4  # of a window
_LONGEST_HOP = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class MovementSettings:
    """How long the moving clips are, how many of each movement there are, and what they are drawn with."""

    seconds: float = 10.0
    clips: int = 4
    seed: int = 0
    decode_rows: int = 5

    def __post_init__(self) -> None:
        if self.seconds <= 0 or min(self.clips, self.decode_rows) < 1:
            raise ParameterError(f"{self} cannot be generated; give seconds above zero and one clip or more")


@dataclass(frozen=True, slots=True, kw_only=True)
class MovementScore:
    """How one parameter follows one movement; the mean of some clips, each by itself.

    Attributes:
        correlation: Pearson's, of measured with asked windows on the parameter's own scale; a clip in which fewer than
            three windows could be measured counts 0.
        spearman: the same of ranks.
        ceiling: `correlation` of real clips on the round trip; None without any.
        lag_seconds, lag_ceiling: how much later than asked a step comes, the median of the clips that could be
            measured; None for a ramp, of which a wrong height looks like a lag.
        clips, unmeasured: asked for, and of these without a score.
        times, asked, measured: of the first clip that could be measured, windows' centres in seconds and values in the
            parameter's unit.
        samples: the first clip; not part of the JSON.
    """

    correlation: float
    spearman: float
    ceiling: float | None
    lag_seconds: float | None
    lag_ceiling: float | None
    clips: int
    unmeasured: int
    times: tuple[float, ...]
    asked: tuple[float, ...]
    measured: tuple[float, ...]
    samples: Float[Tensor, " _"] = field(repr=False)


def evaluate_movements(
    model: Sounding,
    *,
    sweeps: Sequence[Sweep],
    settings: MovementSettings | None = None,
    progress: Progress = lambda stage, done, total: None,
) -> dict[str, dict[str, MovementScore]]:
    """Scores of every sweep that says how long a window its estimator needs: by `label.name`, then by movement.

    Args:
        model: whose schema the parameters are of.
        sweeps: parameters; a real clip is rendered for the ceiling where one can `follow`.
        settings: how much to generate.
        progress: told the stages "movements", "decode" and "ceiling".
    Raises:
        ParameterError: if a label or parameter is unknown, before anything is generated.
    """
    settings = settings or MovementSettings()
    asked = [_Asked(sweep, sweep.parameter(model.schema), shape, settings.seconds)
             for sweep in sweeps if sweep.window is not None for shape in SHAPES]  # fmt: skip
    found: dict[str, dict[str, MovementScore]] = {}
    for done, one in enumerate(asked):
        sounds = _sounds(model, one, settings=settings, first=done * settings.clips, progress=progress)
        real = _real(model, one, settings=settings, progress=progress)
        found.setdefault(one.sweep.key, {})[one.shape] = _score(one, sounds, real, rate=model.sample_rate)
        progress("movements", done + 1, len(asked))
    return found


@dataclass(frozen=True, slots=True)
class _Asked:
    """One movement of one parameter."""

    sweep: Sweep
    parameter: Parameter
    shape: Shape
    seconds: float

    def points(self) -> list[tuple[float, float]]:
        """(second, value in the parameter's unit)."""
        return [(share * self.seconds, self.parameter.denormalise(place)) for share, place in SHAPES[self.shape]]

    def place(self, second: float) -> float:
        """Position in the range, 0…1, at a moment."""
        shares, places = zip(*SHAPES[self.shape], strict=True)
        return float(np.interp(second / self.seconds, shares, places))

    def condition(self, schema: Schema, *, rows: int, frames: int, frame_rate: float) -> Condition:
        """What is asked of every frame: the value in its middle."""
        asked = Condition.empty(rows, frames, len(schema.parameters))
        if self.sweep.label is not None:
            asked.labels[:] = schema.label_index(self.sweep.label)
        for name, value in self.sweep.fixed.items():
            index = schema.parameter_index(name, self.sweep.label)
            asked.values[:, :, index] = schema.parameters[index].normalise(value)
        moving = schema.parameter_index(self.sweep.name, self.sweep.label)
        asked.values[:, :, moving] = torch.tensor([self.place((t + 0.5) / frame_rate) for t in range(frames)])
        return asked


def _sounds(
    model: Sounding, asked: _Asked, *, settings: MovementSettings, first: int, progress: Progress
) -> list[Float[Tensor, " _"]]:
    rate = model.frame_rate
    frames = max(1, round(settings.seconds * rate))
    condition = asked.condition(model.schema, rows=settings.clips, frames=frames, frame_rate=rate)
    seeds = [settings.seed * _SEEDS_APART + first + row for row in range(settings.clips)]
    return sound_clips(model, model.write(condition, seeds=seeds), rows=settings.decode_rows, progress=progress)


def _real(
    model: Sounding, asked: _Asked, *, settings: MovementSettings, progress: Progress
) -> list[Float[Tensor, " _"]]:
    follow = asked.sweep.follow
    if follow is None:
        return []
    clips = [follow(asked.points(), settings.seconds, index) for index in range(settings.clips)]
    return round_trip(model, clips, rows=settings.decode_rows, progress=progress)


def _score(asked: _Asked, sounds: Sequence[Tensor], real: Sequence[Tensor], *, rate: int) -> MovementScore:
    scored = [_followed(asked, sound, rate) for sound in sounds]
    ceiling = [_followed(asked, sound, rate) for sound in real]
    known = [score for score in scored if score is not None]
    first = known[0] if known else None
    return MovementScore(
        correlation=sum(score.correlation for score in known) / len(scored),
        spearman=sum(score.spearman for score in known) / len(scored),
        ceiling=fmean(score.correlation if score else 0.0 for score in ceiling) if ceiling else None,
        lag_seconds=_lag(asked, scored),
        lag_ceiling=_lag(asked, ceiling),
        clips=len(scored),
        unmeasured=len(scored) - len(known),
        times=first.times if first else (),
        asked=first.asked if first else (),
        measured=first.measured if first else (),
        samples=sounds[0],
    )


def _followed(asked: _Asked, sound: Tensor, rate: int) -> TrajectoryScore | None:
    """None if hardly a window could be measured: what is silent follows nothing."""
    window = asked.sweep.window or asked.seconds
    try:
        return trajectory_correlation(
            asked.sweep.measure,
            sound,
            sample_rate=rate,
            asked=lambda second: asked.parameter.denormalise(asked.place(second)),
            window_seconds=window,
            hop_seconds=min(_LONGEST_HOP, window / _HOPS),
            scale=asked.parameter.scale,
        )
    except ParameterError:
        return None


def _lag(asked: _Asked, scores: Sequence[TrajectoryScore | None]) -> float | None:
    lags = [score.lag_seconds for score in scores if score is not None]
    return median(lags) if lags and asked.shape == "step" else None
