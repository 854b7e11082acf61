"""Bits per token: how well a language model expects real tokens, beside what counting alone achieves.

Convention: the mean over all held-out tokens of -log2 p. log2(vocab) is knowing nothing. The counted models are fitted
to the training tokens; smoothing and neighbour of the bigram are chosen on the held-out tokens themselves, which
flatters the baseline and never the model.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from smalti.core import Condition, ParameterError, TokenLM

_LOGITS_AT_ONCE = 2**24
_STRENGTHS = (1.0, 10.0, 100.0, 1000.0)


@dataclass(frozen=True, slots=True)
class ConditionedCodes:
    """Tokens of one real clip and what the model is told about them (a condition of one row, as many frames)."""

    codes: Int64[Tensor, "codebook frame"]
    condition: Condition


@dataclass(frozen=True, slots=True, kw_only=True)
class BitsPerToken:
    """The model beside the counts of single codes and of pairs of neighbours."""

    model: float
    unigram: float
    bigram: float


def bits_per_token(
    lm: TokenLM, *, training: Sequence[Int64[Tensor, "codebook _"]], held_out: Sequence[ConditionedCodes]
) -> BitsPerToken:
    """Score a model and both baselines on held-out tokens.

    Args:
        lm: the model.
        training: codes of the clips that it was trained on.
        held_out: codes that it has not seen, with their conditions.
    Raises:
        ParameterError: if either is empty.
    """
    if not training or not held_out:
        raise ParameterError(f"found {len(training)} training and {len(held_out)} held-out clips, wanted some of each")
    codes = [clip.codes for clip in held_out]
    unigram, bigram = counted_bits(training, codes, vocab=lm.spec.vocab)
    return BitsPerToken(model=model_bits(lm, held_out), unigram=unigram, bigram=bigram)


@torch.no_grad()
def model_bits(lm: TokenLM, held_out: Sequence[ConditionedCodes]) -> float:
    """Mean -log2 p that the model gives to held-out tokens under their conditions."""
    total, count = 0.0, 0
    for codes, condition in _batches(lm, held_out):
        likely = lm.logits(codes, condition).float().log_softmax(dim=-1)
        total -= float(likely.gather(-1, codes[..., None].to(likely.device)).double().sum())
        count += codes.numel()
    return total / count / math.log(2)


def counted_bits(
    training: Sequence[Int64[Tensor, "codebook _"]], held_out: Sequence[Int64[Tensor, "codebook _"]], *, vocab: int
) -> tuple[float, float]:
    """Mean -log2 p of the unigram and of the bigram model, both per codebook.

    The bigram knows one neighbour, of the frame before or of the codebook above, whichever serves a codebook better:

        p(c | n) = (count(n, c) + s·p(c)) / (count(n) + s)

    Returns:
        unigram, bigram.
    """
    codebooks = training[0].shape[0]
    unigram, bigram = 0.0, 0.0
    for codebook in range(codebooks):
        known = torch.cat([clip[codebook] for clip in training])
        asked = torch.cat([clip[codebook] for clip in held_out])
        # one count extra for every code: a code that training never used is unlikely, not impossible
        single = (torch.bincount(known, minlength=vocab) + 1.0).double() / (len(known) + vocab)
        unigram -= float(single[asked].log2().mean()) / codebooks
        options: list[float] = []
        for above in (False, True)[: codebook + 1]:
            pairs = (_neighbours(training, codebook, above, vocab), known)
            wanted = (_neighbours(held_out, codebook, above, vocab), asked)
            options.append(_bigram_bits(pairs, wanted, single))
        bigram += min(options) / codebooks
    return unigram, bigram


def _neighbours(clips: Sequence[Tensor], codebook: int, above: bool, vocab: int) -> Int64[Tensor, " token"]:
    """The code beside each token; `vocab` stands before the first frame, where there is none."""
    if above:
        return torch.cat([clip[codebook - 1] for clip in clips])
    return torch.cat([torch.nn.functional.pad(clip[codebook, :-1], (1, 0), value=vocab) for clip in clips])


def _bigram_bits(
    training: tuple[Tensor, Tensor], held_out: tuple[Tensor, Tensor], single: Float[Tensor, " vocab"]
) -> float:
    vocab = len(single)
    counts = torch.bincount(training[0] * vocab + training[1], minlength=(vocab + 1) * vocab).view(vocab + 1, vocab)
    pairs, totals = counts[held_out].double(), counts.sum(dim=1)[held_out[0]].double()
    rare = single[held_out[1]]
    return min(float(-((pairs + s * rare) / (totals + s)).log2().mean()) for s in _STRENGTHS)


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
