"""Copy rate: how much of what a model makes is a recital of its training tokens.

Convention: generated clips are cut into spans of about two seconds, one after the other. A span is copied if some span
of the training tokens, at any frame of any clip, holds at least 90 % of the same codes at the same places, over all
codebooks. Sounds that stand still (silence above all) match without being learnt by heart; the same rate of real
held-out clips says how often.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Int64
from torch import Tensor

from smalti.core import ParameterError

_SAME = 0.9
_MOST_SPANS = 200


def copy_rate(
    clips: Sequence[Int64[Tensor, "codebook _"]],
    training: Sequence[Int64[Tensor, "codebook _"]],
    *,
    span: int,
    vocab: int,
) -> float:
    """Share of the spans of some clips that the training tokens hold, 0…1.

    Args:
        clips: codes to judge; at most 200 spans, evenly picked, are looked up.
        training: codes of the clips that the model was trained on.
        span: frames; clips that are shorter are left out on both sides.
        vocab: entries per codebook.
    Raises:
        ParameterError: if no clip, or no training clip, is as long as a span.
    """
    spans = [clip[:, start : start + span] for clip in clips for start in range(0, clip.shape[1] - span + 1, span)]
    if not spans or max((clip.shape[1] for clip in training), default=0) < span:
        raise ParameterError(f"no clip holds a span of {span} frames; give longer clips or a shorter span")
    index = _Index.of(training, span=span, vocab=vocab)
    picked = spans[:: math.ceil(len(spans) / _MOST_SPANS)]
    return sum(index.likeness(piece) >= _SAME for piece in picked) / len(picked)


@dataclass(frozen=True, slots=True, eq=False)
class _Index:
    """Where each code occurs, so that one span costs its own occurrences and not the whole store.

    `order[q, first[q, v] : first[q, v + 1]]` are the frames of all clips in a row where codebook q holds v.
    """

    order: Int64[Tensor, "codebook frame"]
    first: Int64[Tensor, "codebook bound"]
    starts: Bool[Tensor, " frame"]

    @classmethod
    def of(cls, clips: Sequence[Tensor], *, span: int, vocab: int) -> "_Index":
        joined = torch.cat(list(clips), dim=1)
        counts = torch.stack([torch.bincount(codes, minlength=vocab) for codes in joined])
        first = torch.nn.functional.pad(counts.cumsum(dim=1), (1, 0))
        whole = [torch.arange(clip.shape[1]) <= clip.shape[1] - span for clip in clips]
        return cls(joined.argsort(dim=1, stable=True), first, torch.cat(whole))

    def likeness(self, piece: Int64[Tensor, "codebook frame"]) -> float:
        """Largest share of equal codes between this span and any training span."""
        places: list[Tensor] = []
        for codebook, codes in enumerate(piece):
            bounds = self.first[codebook]
            for offset, code in enumerate(codes.tolist()):
                places.append(self.order[codebook, bounds[code] : bounds[code + 1]] - offset)
        found = torch.cat(places)
        votes = torch.bincount(found[found >= 0], minlength=len(self.starts))
        return int((votes * self.starts).max()) / piece.numel()
