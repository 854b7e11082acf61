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
from smalti.evaluate.statistics import median_error, spearman, spearman_interval

Measure = Callable[[Float[Tensor, " sample"], int], float]
Render = Callable[[float, int], Float[Tensor, " sample"]]

_TINY = 1e-9


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
    """

    label: str | None
    name: str
    values: tuple[float, ...]
    measure: Measure
    render: Render | None = None
    fixed: Mapping[str, float] = field(default_factory=dict[str, float])

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
        relative_median_error: as a share of the value asked.
        median_error_calibrated: after the straight line (in log-log if the parameter is logarithmic) that best
            corrects the estimator on the real clips through the codec; None without these.
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
    median_error_ceiling: float | None
    median_error_calibrated: float | None
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
    corrected = _calibrated(found, asked=asked, heard=heard, scale=parameter.scale) if len(heard) else None
    return ParameterScore(
        spearman=spearman(asked, found),
        interval=spearman_interval(asked, found, generator=generator),
        ceiling=spearman(asked, heard) if len(heard) else None,
        truth=spearman(asked, truth) if len(truth) else None,
        null=spearman(_double(measured.null_asked), null) if len(null) > 1 else None,
        median_error=median_error(asked, found),
        relative_median_error=median_error(asked, found, relative=True),
        median_error_ceiling=median_error(asked, heard) if len(heard) else None,
        median_error_calibrated=None if corrected is None else median_error(asked, corrected),
        unit=parameter.unit,
        clips=len(found),
        null_clips=len(null),
        unmeasured=int(found.isnan().sum()),
        asked=measured.asked,
        measured=measured.generated,
        measured_ceiling=measured.ceiling or None,
    )


def _calibrated(
    found: Float64[Tensor, " pair"], *, asked: Float64[Tensor, " pair"], heard: Float64[Tensor, " pair"], scale: Scale
) -> Float64[Tensor, " pair"]:
    """Correct an estimator's bias by what it says of real clips through the codec, never by what it should say here."""

    def straight(values: Tensor) -> Tensor:
        return values.clamp(min=_TINY).log() if scale == "log" else values

    known = ~heard.isnan()
    x, y = straight(heard[known]), straight(asked[known])
    spread = (x - x.mean()).square().sum()
    slope = ((x - x.mean()) * (y - y.mean())).sum() / spread if spread > 0 else 0.0
    line = y.mean() + slope * (straight(found) - x.mean())
    return line.exp() if scale == "log" else line


def _double(values: list[float]) -> Float64[Tensor, " pair"]:
    return torch.tensor(values, dtype=torch.float64)
