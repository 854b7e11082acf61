"""What a model is held against: real clips, these through its codec or vocoder, and tokens, learnt or never seen."""

from collections.abc import Sequence
from dataclasses import dataclass

from jaxtyping import Float, Int64
from torch import Tensor

from smalti.evaluate.clips import Progress, round_trip
from smalti.evaluate.likelihood import ConditionedCodes
from smalti.evaluate.sounding import Sounding
from smalti.evaluate.sweeps import Sweep


@dataclass(frozen=True, slots=True)
class LabelledClip:
    """A real clip at the model's rate, and what it is (None if nobody said)."""

    samples: Float[Tensor, " sample"]
    label: str | None = None

    def cut(self, samples: int) -> "LabelledClip":
        """No more than the first `samples` of it."""
        return LabelledClip(self.samples[:samples], self.label)


@dataclass(frozen=True, slots=True, kw_only=True)
class References:
    """What is known to be real; whatever is missing leaves out the scores that need it.

    Attributes:
        training: clips that the classifier learns labels from.
        held_out: clips that the model has not heard, of sounds that it knows; what sweeps render is added to them.
        training_codes: tokens that the model was trained on.
        held_out_codes: tokens that it has not seen, with their conditions.
    """

    training: Sequence[LabelledClip] = ()
    held_out: Sequence[LabelledClip] = ()
    training_codes: Sequence[Int64[Tensor, "codebook _"]] = ()
    held_out_codes: Sequence[ConditionedCodes] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RealClips:
    """Held-out clips before and after a round trip, no longer than the generated ones.

    Attributes:
        truth, ceiling: the clips, and the same through what makes the model sound.
        labels: of each.
        rendered: where each sweep's clips lie, by its key; one for each of its values.
    """

    truth: list[Float[Tensor, " _"]]
    ceiling: list[Float[Tensor, " _"]]
    labels: list[str | None]
    rendered: dict[str, range]


def real_clips(
    model: Sounding,
    sweeps: Sequence[Sweep],
    held_out: Sequence[LabelledClip],
    *,
    samples: int,
    rows: int,
    progress: Progress,
) -> RealClips:
    """Render every sweep that can, join the held-out clips, and send all of them on the round trip.

    Args:
        model: with what makes it sound.
        sweeps: parameters and their values.
        held_out: more real clips.
        samples: length of a generated clip; real ones are cut to it.
        rows: clips in one batch.
        progress: told the stage "ceiling".
    """
    clips: list[LabelledClip] = []
    rendered: dict[str, range] = {}
    for sweep in sweeps:
        if sweep.render is not None:
            rendered[sweep.key] = range(len(clips), len(clips) + len(sweep.values))
            clips.extend(LabelledClip(sweep.render(value, i), sweep.label) for i, value in enumerate(sweep.values))
    clips.extend(held_out)
    truth = [clip.cut(samples).samples for clip in clips]
    heard = round_trip(model, truth, rows=rows, progress=progress)
    return RealClips(truth=truth, ceiling=heard, labels=[clip.label for clip in clips], rendered=rendered)
