"""What counting alone expects: single codes, and pairs with a neighbour. The plainest peers of a language model.

Whatever could favour them is chosen on the held-out tokens themselves: the smoothing, and whether the codebooks count
together or each for itself. That flatters the baselines and never the model.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int64
from torch import Tensor
from torch.nn import functional

_STRENGTHS = (1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0)

Codes = Sequence[Int64[Tensor, "codebook _"]]
Pairs = tuple[Int64[Tensor, "codebook _"], Int64[Tensor, "codebook _"]]


@dataclass(frozen=True, slots=True, kw_only=True)
class CountedBits:
    """Bits per token of counted models, as `smalti.evaluate.BitsPerToken` has them."""

    unigram: float
    bigram: float
    bigram_previous: float
    bigram_row: float


def count_bits(training: Codes, held_out: Codes, *, vocab: int) -> CountedBits:
    """Mean -log2 p of held-out tokens, by counts of training tokens.

    A pair's neighbour n is a known code, or V before the first frame. With strength s of the smoothing:

        p(c | n) = (count(n, c) + s·p(c)) / (count(n) + s)
    """
    known, asked = torch.cat(list(training), dim=1), torch.cat(list(held_out), dim=1)
    # one count extra for every code: a code that training never used is unlikely, not impossible
    single = torch.stack([torch.bincount(row, minlength=vocab) + 1.0 for row in known]).double()
    single = single / single.sum(dim=1, keepdim=True)
    unigram = -single.gather(1, asked).log2().mean(dim=1)
    previous = _pair_bits((_before(training, vocab), known), (_before(held_out, vocab), asked), single)
    row = _pair_bits((_same(training, vocab), known), (_same(held_out, vocab), asked), single)
    return CountedBits(
        unigram=float(unigram.mean()),
        bigram=float(torch.minimum(previous, row).mean()),
        bigram_previous=float(previous.mean()),
        bigram_row=float(row.mean()),
    )


def _same(clips: Codes, vocab: int) -> Int64[Tensor, "codebook token"]:
    """The code of the same codebook in the frame before."""
    return torch.cat([functional.pad(clip[:, :-1], (1, 0), value=vocab) for clip in clips], dim=1)


def _before(clips: Codes, vocab: int) -> Int64[Tensor, "codebook token"]:
    """The code before in time-major order: of the codebook above, or the last of the frame before."""
    last = [functional.pad(clip[-1:, :-1], (1, 0), value=vocab) for clip in clips]
    return torch.cat([torch.cat([first, clip[:-1]]) for first, clip in zip(last, clips, strict=True)], dim=1)


def _pair_bits(training: Pairs, held_out: Pairs, single: Float[Tensor, "codebook vocab"]) -> Float[Tensor, " codebook"]:
    vocab = single.shape[1]

    def counts(pairs: Pairs) -> Tensor:
        flat = (pairs[0] * vocab + pairs[1]).flatten()
        return torch.bincount(flat, minlength=(vocab + 1) * vocab).view(vocab + 1, vocab)

    found: list[Tensor] = []
    together = counts(training)
    for codebook, chances in enumerate(single):
        own = counts((training[0][codebook : codebook + 1], training[1][codebook : codebook + 1]))
        before, code = held_out[0][codebook], held_out[1][codebook]
        options = [
            -((table[before, code] + s * chances[code]) / (table.sum(dim=1)[before] + s)).log2().mean()
            for table in (own.double(), together.double())
            for s in _STRENGTHS
        ]
        found.append(torch.stack(options).min())
    return torch.stack(found)
