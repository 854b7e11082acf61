"""Sweeps of textures: what may be asked of their parameters, how it is measured, and what is really so."""

from collections.abc import Sequence
from functools import partial

from jaxtyping import Float
from torch import Tensor

from smalti.core import Schema
from smalti.data.textures import TEXTURES, estimate, render_clip
from smalti.data.textures.kinds import texture
from smalti.evaluate import Sweep

_OFFSET = 0.382  # of values between even steps, so that they are not those of an even grid
_SEEDS_APART = 1_000_003
_MOVING = 500_000  # seeds of clips that move


def texture_sweeps(schema: Schema, *, seconds: float, sample_rate: int, values: int, seed: int = 0) -> list[Sweep]:
    """A sweep of every parameter of a model that is one of a texture's and that an ear can measure.

    Args:
        schema: of the model.
        seconds: length of real clips.
        sample_rate: of these, in Hz.
        values: of each parameter, between the steps of any even grid.
        seed: of the real clips.
    """
    known = [p for p in schema.parameters if p.label in TEXTURES and p.name in TEXTURES[str(p.label)].estimate]
    return [
        texture_sweep(
            str(p.label),
            p.name,
            positions=[(i + _OFFSET) / values for i in range(values)],
            seeds=[seed * _SEEDS_APART + i for i in range(values)],
            seconds=seconds,
            sample_rate=sample_rate,
        )
        for p in known
    ]


def texture_sweep(
    kind: str, name: str, *, positions: Sequence[float], seeds: Sequence[int], seconds: float, sample_rate: int
) -> Sweep:
    """One parameter of one texture at some positions of its range (0…1), with the seeds of its real clips.

    Raises:
        ParameterError: if the kind or the parameter is unknown; names the nearest.
    """
    chosen = texture(kind)
    parameter = chosen.parameter(name)

    def render(value: float, index: int) -> Float[Tensor, " sample"]:
        own = seeds[index % len(seeds)]
        return render_clip(kind, {name: value}, seconds=seconds, sample_rate=sample_rate, seed=own).samples

    def follow(points: Sequence[tuple[float, float]], length: float, index: int) -> Float[Tensor, " sample"]:
        own = seeds[index % len(seeds)] + _MOVING
        return render_clip(kind, {name: points}, seconds=length, sample_rate=sample_rate, seed=own).samples

    return Sweep(
        label=kind,
        name=name,
        values=tuple(parameter.denormalise(position) for position in positions),
        measure=partial(estimate, kind, name),
        render=render,
        window=chosen.windows.get(name),
        follow=follow,
    )
