"""How much of a codebook is in use: the first thing to look at when a codec sounds dull."""

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn


def code_counts(codes: Int64[Tensor, "codebook frame"], vocab: int) -> Int64[Tensor, "codebook vocab"]:
    """How often each code occurs in each codebook; items are concatenated along their true frames."""
    return torch.stack([torch.bincount(row, minlength=vocab) for row in codes])


def perplexity(codes: Int64[Tensor, "codebook frame"], vocab: int) -> Float[Tensor, " codebook"]:
    """Number of equally likely codes that would be as uncertain: 1 if one is always chosen, `vocab` if all alike.

    exp(-Σ p log p) over the shares p of the codes; 1 where there are no frames.
    """
    counts = code_counts(codes, vocab).double()
    share = counts / counts.sum(dim=1, keepdim=True).clamp(min=1)
    return torch.special.entr(share).sum(dim=1).exp().float()


def codebook_usage(codes: Int64[Tensor, "codebook frame"], vocab: int) -> Float[Tensor, " codebook"]:
    """Share of each codebook's entries that occur at all, 0…1."""
    return (code_counts(codes, vocab) > 0).float().mean(dim=1)


def parameter_count(model: nn.Module) -> int:
    """Numbers that a model has learnt, code vectors included, which are buffers named `…vectors`."""
    books = [value for name, value in model.named_buffers() if name.endswith("vectors")]
    return sum(value.numel() for value in [*model.parameters(), *books])
