"""What is known of a generative model after it was heard: one record, and its JSON."""

from dataclasses import dataclass, field
from typing import Any

from smalti.evaluate.clips import GeneratedClip
from smalti.evaluate.continuation import ContinuationScore
from smalti.evaluate.frechet import FrechetScore
from smalti.evaluate.latents import LatentScores
from smalti.evaluate.likelihood import BitsPerToken
from smalti.evaluate.morphs import MorphScore
from smalti.evaluate.movements import MovementScore
from smalti.evaluate.reports import to_json
from smalti.evaluate.sweeps import ParameterScore


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationReport:
    """What `evaluate_generation` and its neighbours found; None where a question does not apply.

    Attributes:
        label_accuracy: share of clips whose label the classifier finds, and the same of each label.
        label_accuracy_truth, label_accuracy_ceiling: of real held-out clips, and of these through the codec or vocoder.
        parameter_correlation: a score per `label.name`.
        bits_per_token: on held-out tokens.
        latents: of held-out tokens, for a model whose clips have some.
        copy_rate: share of generated spans of two seconds that the training tokens hold; `copy_rate_real` says it of
            held-out tokens.
        frechet: distance of generated to real clips, and its floor.
        clips, audio_seconds: generated for these scores.
        seconds, real_time_factor: spent on generating and decoding them; the second per second of audio.
        trajectories: of each `label.name`, how a ramp and a step are followed.
        morphs: how labels become others, by `first → second`.
        continuation: how real beginnings are gone on with.
        left_out: why a score is missing, by its key.
        generated: the clips themselves, without the null's; not part of the JSON.
    """

    label_accuracy: float | None
    label_accuracy_by_label: dict[str, float] | None
    label_accuracy_truth: float | None
    label_accuracy_ceiling: float | None
    parameter_correlation: dict[str, ParameterScore] | None
    frechet: FrechetScore | None
    clips: int
    audio_seconds: float
    seconds: float
    real_time_factor: float
    generated: list[GeneratedClip] = field(repr=False)
    bits_per_token: BitsPerToken | None = None
    latents: LatentScores | None = None
    copy_rate: float | None = None
    copy_rate_real: float | None = None
    trajectories: dict[str, dict[str, MovementScore]] | None = None
    morphs: dict[str, MorphScore] | None = None
    continuation: ContinuationScore | None = None
    left_out: dict[str, str] | None = None

    def to_json(self) -> dict[str, Any]:
        """The report as the command line prints it; keys that do not apply are missing."""
        return to_json(self)
