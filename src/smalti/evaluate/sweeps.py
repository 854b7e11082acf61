"""Does a model obey a parameter? Values that training never used are asked for, and the sound is measured.

Beside the model stand three others, all by the same estimator at the same values: `truth`, the real renderings;
`ceiling`, the same through the codec, which no model of its tokens can honestly beat; and `null`, clips of the same
label made without any parameter, to which the asked values are dealt at random.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import torch
from jaxtyping import Float, Float64
from torch import Tensor

from smalti.core import Parameter, Scale, Schema
from smalti.evaluate.calibration import Calibration, straight
from smalti.evaluate.statistics import median_error, spearman, spearman_interval

Measure = Callable[[Float[Tensor, " sample"], int], float]
Render = Callable[[float, int], Float[Tensor, " sample"]]
Points = Sequence[tuple[float, float]]
Follow = Callable[[Points, float, int], Float[Tensor, " sample"]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sweep:
    """One parameter to be asked for at held-out values.

    Attributes:
        label: the label it is asked with; None for a model, or a parameter, without.
        name: the parameter's bare name.
        values: in its unit, 25 or more if anything is to be claimed; one clip each.
        measure: its estimator: samples and their rate in Hz to a value in the unit; NaN if there is none to be heard.
        render: a real clip of a value and an index (which may seed it), at the codec's rate and as long as the
            generated ones; None if there is nothing to render.
        fixed: values of other parameters of the label, asked for in every clip.
        window: seconds of sound that the estimator needs where the parameter moves; None if it is never asked to move.
        follow: a real clip whose parameter passes through (second, value) points, of so many seconds and an index.
    """

    label: str | None
    name: str
    values: tuple[float, ...]
    measure: Measure
    render: Render | None = None
    fixed: Mapping[str, float] = field(default_factory=dict[str, float])
    window: float | None = None
    follow: Follow | None = None

    @property
    def key(self) -> str:
        """`label.name`, as in the report."""
        return f"{self.label}.{self.name}" if self.label else self.name

    def parameter(self, schema: Schema) -> Parameter:
        """Its entry in a model's schema.

        Raises:
            ParameterError: if the model knows no such label or parameter.
        """
        if self.label is not None:
            schema.label_index(self.label)
        return schema.parameters[schema.parameter_index(self.name, self.label)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One sweep, measured: what was found for each value asked; lists stay empty where nothing was there to measure."""

    asked: list[float]
    generated: list[float]
    null_asked: list[float] = field(default_factory=list[float])
    null: list[float] = field(default_factory=list[float])
    truth: list[float] = field(default_factory=list[float])
    ceiling: list[float] = field(default_factory=list[float])


@dataclass(frozen=True, slots=True, kw_only=True)
class ParameterScore:
    """How one parameter is obeyed; `spearman`, `ceiling`, `truth` and `null` are rank correlations, errors medians.

    Attributes:
        interval: 95 % bootstrap interval of `spearman`.
        median_error, median_error_ceiling: in `unit`, of generated clips and of real ones through the codec.
        relative_median_error, relative_median_error_ceiling: the same as shares of the values asked.
        median_error_calibrated, relative_median_error_calibrated: after the estimator was corrected by what it says of
            real clips through the codec (`smalti.evaluate.calibration`); None without these.
        bias: median of measured - asked, in `unit`.
        slope: of measured over asked on the parameter's own scale; 1 is right, 0 is deaf.
        clips, null_clips, unmeasured: clips asked for, clips of the null, and clips asked for that gave no value.
        asked, measured, measured_ceiling: what the correlations are made of.
    """

    spearman: float
    interval: tuple[float, float]
    ceiling: float | None
    truth: float | None
    null: float | None
    median_error: float
    relative_median_error: float
    relative_median_error_ceiling: float | None
    median_error_ceiling: float | None
    median_error_calibrated: float | None
    relative_median_error_calibrated: float | None
    bias: float | None
    slope: float | None
    unit: str
    clips: int
    null_clips: int
    unmeasured: int
    asked: list[float]
    measured: list[float]
    measured_ceiling: list[float] | None


def null_values(values: Sequence[float], *, clips: int, generator: torch.Generator) -> list[float]:
    """Asked values for clips that were asked for nothing: all of them in turn, then shuffled."""
    return [values[int(i) % len(values)] for i in torch.randperm(clips, generator=generator)]


def parameter_score(measured: Measured, parameter: Parameter, *, generator: torch.Generator) -> ParameterScore:
    """Correlations and errors of one measured sweep.

    Args:
        measured: all values.
        parameter: names the unit and the scale.
        generator: draws the bootstrap.
    Raises:
        ParameterError: with fewer than two values.
    """
    asked, found, null = _double(measured.asked), _double(measured.generated), _double(measured.null)
    truth, heard = _double(measured.truth), _double(measured.ceiling)
    corrected = Calibration.of(asked, heard, scale=parameter.scale).correct(found) if len(heard) else None
    errors = found - asked
    return ParameterScore(
        spearman=spearman(asked, found),
        interval=spearman_interval(asked, found, generator=generator),
        ceiling=spearman(asked, heard) if len(heard) else None,
        truth=spearman(asked, truth) if len(truth) else None,
        null=spearman(_double(measured.null_asked), null) if len(null) > 1 else None,
        median_error=median_error(asked, found),
        relative_median_error=median_error(asked, found, relative=True),
        relative_median_error_ceiling=median_error(asked, heard, relative=True) if len(heard) else None,
        median_error_ceiling=median_error(asked, heard) if len(heard) else None,
        median_error_calibrated=None if corrected is None else median_error(asked, corrected),
        relative_median_error_calibrated=None if corrected is None else median_error(asked, corrected, relative=True),
        bias=float(errors[~errors.isnan()].median()) if bool((~errors.isnan()).any()) else None,
        slope=_slope(asked, found, scale=parameter.scale),
        unit=parameter.unit,
        clips=len(found),
        null_clips=len(null),
        unmeasured=int(found.isnan().sum()),
        asked=measured.asked,
        measured=measured.generated,
        measured_ceiling=measured.ceiling or None,
    )


def _slope(asked: Float64[Tensor, " pair"], found: Float64[Tensor, " pair"], *, scale: Scale) -> float | None:
    """Of the straight line through what could be measured, on the parameter's own scale."""
    known = ~found.isnan()
    x, y = straight(asked[known], scale), straight(found[known], scale)
    spread = float((x - x.mean()).square().sum()) if len(x) > 1 else 0.0
    return float(((x - x.mean()) * (y - y.mean())).sum()) / spread if spread > 0 else None


def _double(values: list[float]) -> Float64[Tensor, " pair"]:
    return torch.tensor(values, dtype=torch.float64)
