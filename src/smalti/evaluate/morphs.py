"""Does one label become another without a hole or a crack? The level is heard along time, beside that of both ends."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from jaxtyping import Float
from torch import Tensor

from smalti.audio.limits import CLIP_SHARE
from smalti.core import Condition, Mix, Schema
from smalti.evaluate.clips import Progress, sound_clips
from smalti.evaluate.movements import MovementSettings
from smalti.evaluate.sounding import Sounding

WINDOW = 0.5
"""Seconds over which a level is taken: longer than the gaps of a sparse texture in its middle range."""

DEEPEST = 12.0
"""dB by which the quietest window of a passage may lie below the quietest of both ends."""

FULL_SCALE = 0.999
_SEEDS_APART = 9_000_011
_HOPS = 4  # of a window
_FLOOR = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class MorphScore:
    """How one label became another; the worst of some clips.

    Attributes:
        hole_db: how far the quietest half second of the middle third lies below that of the outer thirds, in dB; at
            least 0.
        peak: largest absolute sample.
        clipped: share of samples at full scale or beyond; single peaks of a decoder are heard by nobody.
        clipped_ends: the same of the outer thirds, where nothing passes into anything.
        holds: whether it has no hole of more than 12 dB, and no more than 0.1 % of it is clipped, which is what a
            recording is called clipped for (`smalti.audio.limits`).
        levels_db: of the first clip, dB re full scale of each half second, one value an eighth of a second.
        samples: the first clip; not part of the JSON.
    """

    hole_db: float
    peak: float
    clipped: float
    clipped_ends: float
    holds: bool
    levels_db: tuple[float, ...]
    samples: Float[Tensor, " _"] = field(repr=False)


def evaluate_morphs(
    model: Sounding,
    *,
    pairs: Sequence[tuple[str, str]] | None = None,
    settings: MovementSettings | None = None,
    progress: Progress = lambda stage, done, total: None,
) -> dict[str, MorphScore]:
    """Scores of passages between labels, by `first → second`.

    In the middle third of a clip the first label and its parameters pass into the second and its, by shares that cross
    in a straight line; every parameter stands in the middle of its range.

    Args:
        model: whose labels they are.
        pairs: labels; by default each and the next, and the last and the first. None are heard of fewer than two.
        settings: how much to generate.
        progress: told the stages "morphs" and "decode".
    Raises:
        ParameterError: if a label is unknown, before anything is generated.
    """
    settings = settings or MovementSettings()
    chosen = _ring(model.schema.labels) if pairs is None else list(pairs)
    frames = max(2, round(settings.seconds * model.frame_rate))
    conditions = [_passage(model.schema, pair, rows=settings.clips, frames=frames) for pair in chosen]
    found: dict[str, MorphScore] = {}
    for done, ((first, second), condition) in enumerate(zip(chosen, conditions, strict=True)):
        seeds = [settings.seed * _SEEDS_APART + done * settings.clips + row for row in range(settings.clips)]
        written = model.write(condition, seeds=seeds)
        sounds = sound_clips(model, written, rows=settings.decode_rows, progress=progress)
        found[f"{first} → {second}"] = _score(sounds, model.sample_rate)
        progress("morphs", done + 1, len(chosen))
    return found


def _ring(labels: Sequence[str]) -> list[tuple[str, str]]:
    return list(zip(labels, [*labels[1:], labels[0]], strict=True)) if len(labels) > 1 else []


def _passage(schema: Schema, pair: tuple[str, str], *, rows: int, frames: int) -> Condition:
    """The shares of both labels, and of their parameters, cross in a straight line in the middle third."""
    first, second = (schema.label_index(label) for label in pair)
    later = (3 * (torch.arange(frames) + 0.5) / frames - 1).clamp(0, 1)
    shares = torch.zeros(rows, frames, len(schema.labels))
    shares[..., first] += 1 - later
    shares[..., second] += later
    condition = Condition.empty(rows, frames, len(schema.parameters))
    of_values = torch.ones_like(condition.values)
    for index, parameter in enumerate(schema.parameters):
        if parameter.label is not None:
            of_values[..., index] = shares[..., schema.label_index(parameter.label)]
        if parameter.label in (None, *pair):
            condition.values[..., index] = 0.5
    condition.labels[:] = torch.where(later < 0.5, first, second)
    return Condition(condition.labels, condition.values, Mix(shares, of_values))


def _score(sounds: Sequence[Float[Tensor, " _"]], sample_rate: int) -> MorphScore:
    levels = [_levels(sound, sample_rate) for sound in sounds]
    hole = max(_hole(each) for each in levels)
    clipped = max(_clipped(sound) for sound in sounds)
    return MorphScore(
        hole_db=hole,
        peak=max(float(sound.abs().max()) for sound in sounds),
        clipped=clipped,
        clipped_ends=max(_clipped(_ends(sound)) for sound in sounds),
        holds=hole <= DEEPEST and clipped <= CLIP_SHARE,
        levels_db=tuple(levels[0].tolist()),
        samples=sounds[0],
    )


def _levels(sound: Float[Tensor, " _"], sample_rate: int) -> Float[Tensor, " window"]:
    size = min(len(sound), round(WINDOW * sample_rate))
    power = sound.double().unfold(0, size, max(1, size // _HOPS)).square().mean(dim=1)
    return 10 * torch.log10(power.clamp(min=_FLOOR**2))


def _clipped(sound: Float[Tensor, " _"]) -> float:
    return float((sound.abs() >= FULL_SCALE).double().mean()) if len(sound) else 0.0


def _ends(values: Float[Tensor, " _"]) -> Float[Tensor, " _"]:
    """The outer thirds."""
    third = len(values) // 3
    return torch.cat([values[:third], values[len(values) - third :]])


def _hole(levels: Float[Tensor, " window"]) -> float:
    third = len(levels) // 3
    middle = levels[third : len(levels) - third]
    return max(0.0, float(_ends(levels).min() - middle.min())) if third else 0.0
