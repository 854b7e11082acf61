"""Does a clip sound like the label that was asked for? A classifier that has only heard real clips decides."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from jaxtyping import Float
from torch import Tensor

from smalti.evaluate.classifier import fit_classifier
from smalti.evaluate.clips import GeneratedClip
from smalti.evaluate.embedding import clip_statistics
from smalti.evaluate.real import LabelledClip, RealClips

_BANDS = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelScore:
    """Share of clips whose label is found: generated ones, all and by label; real ones, before and after the codec."""

    accuracy: float
    by_label: dict[str, float]
    truth: float | None
    ceiling: float | None


def label_score(
    made: Sequence[GeneratedClip], real: RealClips, training: Sequence[LabelledClip], *, sample_rate: int
) -> LabelScore | None:
    """Score generated clips by a classifier of the training clips; None with fewer than two labels or none asked for.

    Args:
        made: generated clips; those asked for without a label do not count.
        real: held-out clips; those without a label do not count.
        training: real clips to learn from.
        sample_rate: Hz, of all of them.
    """
    known = [(clip.samples, clip.label) for clip in training if clip.label is not None]
    asked = [(clip.samples, clip.request.label) for clip in made if clip.request.label is not None]
    if len({label for _, label in known}) < 2 or not asked:
        return None
    judge = fit_classifier(_heard([clip for clip, _ in known], sample_rate), [label for _, label in known])

    def right(clips: Sequence[Float[Tensor, " _"]], labels: Sequence[str | None]) -> list[bool]:
        named = [(clip, label) for clip, label in zip(clips, labels, strict=True) if label is not None]
        found = judge.predict(_heard([clip for clip, _ in named], sample_rate)) if named else []
        return [a == b for a, (_, b) in zip(found, named, strict=True)]

    labels = [label for _, label in asked]
    correct = right([clip for clip, _ in asked], labels)
    truth, ceiling = right(real.truth, real.labels), right(real.ceiling, real.labels)
    return LabelScore(
        accuracy=fmean(correct),
        by_label={
            name: fmean(good for good, label in zip(correct, labels, strict=True) if label == name)
            for name in sorted(set(labels))
        },
        truth=fmean(truth) if truth else None,
        ceiling=fmean(ceiling) if ceiling else None,
    )


def _heard(clips: Sequence[Float[Tensor, " _"]], sample_rate: int) -> Float[Tensor, "clip feature"]:
    return clip_statistics(clips, sample_rate, bands=_BANDS)
