"""Scores of a generative model's tokens: does it expect real ones, and does it recite those that it learnt?"""

from collections.abc import Sequence
from dataclasses import replace

from torch import Tensor

from smalti.core import LanguageModel, LatentLM
from smalti.evaluate.copying import copy_rate
from smalti.evaluate.generation_report import GenerationReport
from smalti.evaluate.latents import LatentScores, latent_scores
from smalti.evaluate.likelihood import BitsPerToken, bits_per_token
from smalti.evaluate.real import References

_COPY_SECONDS = 2.0


def with_token_scores(
    report: GenerationReport, lm: LanguageModel, references: References, *, seed: int
) -> GenerationReport:
    """A report of what a language model generated, with the scores of its tokens.

    Args:
        report: whose clips are of tokens.
        lm: that wrote them.
        references: tokens that are real; what is missing leaves out the scores that need it.
        seed: of latents that are drawn.
    """
    latents = _latents(lm, references, seed)
    copied, recited = _copies(lm, [clip.written for clip in report.generated], references)
    return replace(
        report,
        bits_per_token=_bits(lm, references, latents),
        latents=latents,
        copy_rate=copied,
        copy_rate_real=recited,
    )


def _bits(lm: LanguageModel, references: References, latents: LatentScores | None) -> BitsPerToken | None:
    if not references.training_codes or not references.held_out_codes:
        return None
    found = bits_per_token(lm, training=references.training_codes, held_out=references.held_out_codes)
    # what it expects in the middle of the prior is not what it expects of all latents together
    return found if latents is None else replace(found, model=None, bound=latents.bits_per_token_iw)


def _latents(lm: LanguageModel, references: References, seed: int) -> LatentScores | None:
    several = len(references.held_out_codes) > 1
    return latent_scores(lm, references.held_out_codes, seed=seed) if isinstance(lm, LatentLM) and several else None


def _copies(lm: LanguageModel, made: Sequence[Tensor], references: References) -> tuple[float | None, float | None]:
    """Copy rates of generated and of real held-out tokens, in spans of two seconds (or as long as the clips are)."""
    held_out = [clip.codes for clip in references.held_out_codes]
    span = min(round(_COPY_SECONDS * lm.spec.frame_rate), made[0].shape[1])

    def rate(codes: Sequence[Tensor]) -> float | None:
        long = all(any(clip.shape[1] >= span for clip in side) for side in (codes, references.training_codes))
        return copy_rate(codes, references.training_codes, span=span, vocab=lm.spec.vocab) if long else None

    return rate(made), rate(held_out)
