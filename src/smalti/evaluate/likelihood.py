"""Bits per token: how well a language model expects real tokens, beside what counting alone achieves.

Convention: the mean over all held-out tokens of -log2 p. log2(vocab) is knowing nothing. A model that fills gaps has no
one order, so it is given the mean over orders, which is never below its -log2 p. The counted models are fitted to the
training tokens (see `smalti.evaluate.counting`).
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

import torch
from jaxtyping import Int64
from torch import Tensor

from smalti.core import Condition, LanguageModel, MaskedLM, ParameterError, TokenLM
from smalti.evaluate.counting import count_bits

_LOGITS_AT_ONCE = 2**24
_DRAWS = 16  # of gaps, of each window


@dataclass(frozen=True, slots=True)
class ConditionedCodes:
    """Tokens of one real clip and what the model is told about them (a condition of one row, as many frames)."""

    codes: Int64[Tensor, "codebook frame"]
    condition: Condition


@dataclass(frozen=True, slots=True, kw_only=True)
class BitsPerToken:
    """The model beside the counts of single codes and of pairs of neighbours.

    Attributes:
        model: of a model that goes from the first code to the last.
        bound: of a model that fills gaps: its mean over all orders of the codes; of one whose clips have latents: an
            importance-weighted bound over latents drawn of what it infers.
        unigram: counts of single codes.
        bigram_previous, bigram_row: of pairs with the code before in time-major order (the codebook above, or the last
            of the frame before), and with the same codebook's code of the frame before.
        bigram: the better of both, chosen for each codebook.
    """

    model: float | None = None
    bound: float | None = None
    unigram: float
    bigram: float
    bigram_previous: float
    bigram_row: float


def bits_per_token(
    lm: LanguageModel, *, training: Sequence[Int64[Tensor, "codebook _"]], held_out: Sequence[ConditionedCodes]
) -> BitsPerToken:
    """Score a model and the baselines on held-out tokens.

    Args:
        lm: the model.
        training: codes of the clips that it was trained on.
        held_out: codes that it has not seen, with their conditions.
    Raises:
        ParameterError: if either is empty.
    """
    if not training or not held_out:
        raise ParameterError(f"found {len(training)} training and {len(held_out)} held-out clips, wanted some of each")
    counted = count_bits(training, [clip.codes for clip in held_out], vocab=lm.spec.vocab)
    return BitsPerToken(
        model=model_bits(lm, held_out) if isinstance(lm, TokenLM) else None,
        bound=bound_bits(lm, held_out) if isinstance(lm, MaskedLM) else None,
        unigram=counted.unigram,
        bigram=counted.bigram,
        bigram_previous=counted.bigram_previous,
        bigram_row=counted.bigram_row,
    )


@torch.no_grad()
def model_bits(lm: TokenLM, held_out: Sequence[ConditionedCodes]) -> float:
    """Mean -log2 p that the model gives to held-out tokens under their conditions."""
    total, count = 0.0, 0
    for codes, condition in _batches(lm, held_out):
        likely = lm.logits(codes, condition).float().log_softmax(dim=-1)
        total -= float(likely.gather(-1, codes[..., None].to(likely.device)).double().sum())
        count += codes.numel()
    return total / count / math.log(2)


@torch.no_grad()
def bound_bits(lm: MaskedLM, held_out: Sequence[ConditionedCodes], *, draws: int = _DRAWS, seed: int = 0) -> float:
    """Mean over orders of -log2 p of held-out tokens: what filling them one at a time in a random order would cost.

    With m codes blank, each next one costs the mean of its -log2 p; averaged over m = 1…N this is the bound. Each
    window of a clip is heard alone.

    Args:
        draws: of gaps for each window, with m spread evenly.
        seed: of the gaps.
    Source: arXiv:2110.02037, eq. 5 (and arXiv:1310.1757).
    """
    generator = torch.Generator().manual_seed(seed)
    total, count = 0.0, 0
    for clip in held_out:
        told = clip.condition.held(draws, clip.condition.labels.shape[1])
        for start in range(0, clip.codes.shape[1], lm.window):
            part = slice(start, min(start + lm.window, clip.codes.shape[1]))
            codes = clip.codes[:, part]
            gaps = _gaps(codes, draws=draws, generator=generator)
            heard = torch.where(gaps, lm.spec.vocab, codes)
            likely = lm.fill(heard, told if told.labels.shape[1] == 1 else told.at(part)).float().log_softmax(-1).cpu()
            costs = -likely.gather(-1, codes.expand(draws, -1, -1)[..., None])[..., 0].double() * gaps
            total += float((costs.sum((1, 2)) / gaps.sum((1, 2))).mean()) * codes.numel()
            count += codes.numel()
    return total / count / math.log(2)


def _gaps(codes: Int64[Tensor, "codebook frame"], *, draws: int, generator: torch.Generator) -> Tensor:
    """Of each draw the cells that are blank: m of them, m in an even part of 1…N of its own."""
    places = (torch.arange(draws) + torch.rand(draws, generator=generator, dtype=torch.float64)) / draws
    counts = (places * codes.numel()).long() + 1
    ranks = torch.rand(draws, codes.numel(), generator=generator).argsort(dim=1).argsort(dim=1)
    return (ranks < counts[:, None]).view(draws, *codes.shape)


def _batches(lm: TokenLM, clips: Sequence[ConditionedCodes]) -> Iterator[tuple[Int64[Tensor, "..."], Condition]]:
    """Clips of equal length together, as many as keep the logits small."""
    ordered = sorted(clips, key=lambda clip: clip.codes.shape[1])
    for frames, group in groupby(ordered, key=lambda clip: clip.codes.shape[1]):
        same = list(group)
        rows = max(1, _LOGITS_AT_ONCE // (lm.spec.codebooks * lm.spec.vocab * frames))
        for first in range(0, len(same), rows):
            some = same[first : first + rows]
            labels = torch.cat([clip.condition.labels for clip in some])
            values = torch.cat([clip.condition.values for clip in some])
            yield torch.stack([clip.codes for clip in some]), Condition(labels, values)
