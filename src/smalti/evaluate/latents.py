"""Whether a model's latents mean anything: what they tell of a clip, and what the right one saves over a wrong one.

Convention: divergences and information in nats per clip, means over clips; bits per token as in `likelihood`, the mean
over all tokens of -log2 p. Clips with fewer than one frame do not come here.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Literal

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from smalti.core import Condition, LatentLM, ParameterError, Posterior, TokenLM, Tokens
from smalti.evaluate.likelihood import ConditionedCodes
from smalti.losses import active_units, importance_bound, importance_weights, mutual_information, prior_divergence

_LOGITS_AT_ONCE = 2**24
_TURNS = 3  # wrong latents that each clip is tried with


@dataclass(frozen=True, slots=True, kw_only=True)
class LatentScores:
    """What latents of held-out clips carry.

    Attributes:
        kl: of posterior and prior; `target_kl` is what was free when the model learnt.
        active_units: dimensions whose posterior mean differs between clips (variance ≥ 0.01), of `latent`.
        mutual_information: of clip and latent; at most the logarithm of the number of clips.
        bits_per_token: under the mean of the clip's own posterior.
        bits_per_token_shuffled: under the mean of another clip's, chosen `shuffled`: "within labels" where every label
            has several clips, so that nothing but the latent is wrong, else "between all".
        bits_per_token_bound: R + KL of one drawn latent, a bound of the model's own bits; `bits_per_token_iw` is the
            tighter one of `iw_nsamples` draws.
        clips: scored.
    """

    kl: float
    target_kl: float
    active_units: int
    latent: int
    mutual_information: float
    bits_per_token: float
    bits_per_token_shuffled: float
    shuffled: Literal["within labels", "between all"]
    bits_per_token_bound: float
    bits_per_token_iw: float
    iw_nsamples: int
    clips: int


@torch.no_grad()
def latent_scores(
    lm: LatentLM, held_out: Sequence[ConditionedCodes], *, iw_nsamples: int = 16, seed: int = 0
) -> LatentScores:
    """Score a model's latents on held-out clips.

    Args:
        iw_nsamples: latents drawn of each clip for the bounds.
        seed: of what is drawn.
    Raises:
        ParameterError: for fewer than two clips: there would be no other clip's latent.
    """
    if len(held_out) < 2 or iw_nsamples < 1:
        raise ParameterError(f"found {len(held_out)} clips and {iw_nsamples} draws, wanted two and one at least")
    generator = torch.Generator().manual_seed(seed)
    clips = sorted(held_out, key=lambda clip: clip.codes.shape[1])
    counts = torch.tensor([clip.codes.numel() for clip in clips])
    found = [lm.infer(_tokens(lm, clip)) for clip in clips]
    belief = Posterior(torch.cat([one.mean for one in found]), torch.cat([one.log_variance for one in found]))
    noise = torch.randn(iw_nsamples, *belief.mean.shape, generator=generator)
    drawn = belief.mean + noise * (belief.log_variance / 2).exp()
    likely = torch.stack([_likelihoods(lm, clips, latents) for latents in drawn])
    weights = importance_weights(likely.float(), drawn, belief.mean, belief.log_variance)
    groups, shuffled = _groups(clips)
    own = _likelihoods(lm, clips, belief.mean)
    others = [_likelihoods(lm, clips, belief.mean[turn]) for turn in _turned(groups, len(clips))]

    def bits(likelihood: Float[Tensor, " clip"]) -> float:
        return -float(likelihood.double().sum()) / int(counts.sum()) / math.log(2)

    return LatentScores(
        kl=float(prior_divergence(belief.mean, belief.log_variance).sum(1).mean()),
        target_kl=lm.target_kl,
        active_units=active_units(belief.mean),
        latent=lm.latent,
        mutual_information=float(mutual_information(drawn[0], belief.mean, belief.log_variance)),
        bits_per_token=bits(own),
        bits_per_token_shuffled=sum(bits(one) for one in others) / len(others),
        shuffled=shuffled,
        bits_per_token_bound=bits(weights.mean(0)),
        bits_per_token_iw=bits(importance_bound(weights)),
        iw_nsamples=iw_nsamples,
        clips=len(clips),
    )


def _tokens(lm: LatentLM, clip: ConditionedCodes) -> Tokens:
    return Tokens(clip.codes[None], lm.spec, torch.tensor([clip.codes.shape[1] * lm.spec.hop]))


def _likelihoods(
    lm: LatentLM, clips: Sequence[ConditionedCodes], latents: Float[Tensor, "clip latent"]
) -> Float[Tensor, " clip"]:
    """log p of every clip under its latent, in nats; clips are sorted by length."""
    found: list[Tensor] = []
    for rows in _batches(lm, clips):
        some = [clips[row] for row in rows]
        codes = torch.stack([clip.codes for clip in some])
        labels = torch.cat([clip.condition.labels for clip in some])
        values = torch.cat([clip.condition.values for clip in some])
        view: TokenLM = lm.at(latents[rows])
        likely = view.logits(codes, Condition(labels, values)).float().log_softmax(-1)
        found.append(likely.gather(-1, codes[..., None].to(likely.device)).double().sum((1, 2, 3)).cpu())
    return torch.cat(found)


def _batches(lm: LatentLM, clips: Sequence[ConditionedCodes]) -> Iterator[list[int]]:
    """Rows of equal length together, as many as keep the logits small."""
    for frames, group in groupby(range(len(clips)), key=lambda row: clips[row].codes.shape[1]):
        rows = list(group)
        most = max(1, _LOGITS_AT_ONCE // (lm.spec.codebooks * lm.spec.vocab * frames * lm.spec.codebooks))
        yield from (rows[first : first + most] for first in range(0, len(rows), most))


def _groups(clips: Sequence[ConditionedCodes]) -> tuple[list[list[int]], Literal["within labels", "between all"]]:
    labels = [int(clip.condition.labels[0, 0]) for clip in clips]
    told = {label: [row for row, own in enumerate(labels) if own == label] for label in sorted(set(labels))}
    if len(told) > 1 and min(map(len, told.values())) > 1:
        return list(told.values()), "within labels"
    return [list(range(len(clips)))], "between all"


def _turned(groups: Sequence[Sequence[int]], clips: int) -> Iterator[Int64[Tensor, " clip"]]:
    """Which clip's latent each clip is given: in each group the next one's, the one behind that, …; never its own."""
    for turn in range(1, 1 + min(_TURNS, min(map(len, groups)) - 1)):
        other = torch.arange(clips)
        for group in groups:
            other[torch.tensor(group)] = torch.tensor([*group[turn:], *group[:turn]])
        yield other
