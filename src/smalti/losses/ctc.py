"""How likely frames are to hold a string of tokens: CTC without a blank, for one string each and for all pairs.

A path gives every frame one token; runs of equal ones collapse. Of 4 frames, the paths of the string "7 2" are
7222, 7722 and 7772. As neighbours in a string differ, every path collapses to one string only.
"""

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor
from torch.nn import functional

_NEVER = -1e4  # ln of the blank's chance; -inf would give NaN gradients
_LOST = -1e30  # ln of the chance of a path that is not there
IMPOSSIBLE = -1e4
"""ln of the likelihood of a string with more tokens than there are frames, in nats; it has no gradient."""


def collapsed(
    codes: Int64[Tensor, "batch frame"], frames: Int64[Tensor, " batch"]
) -> tuple[Int64[Tensor, "batch token"], Int64[Tensor, " batch"]]:
    """Codes with runs of equal ones joined, and how many remain; zeros stand behind.

    Args:
        codes: of every frame.
        frames: of each item; the rest is padding.
    """
    places = torch.arange(codes.shape[1], device=codes.device)
    begins = torch.ones_like(codes, dtype=torch.bool)
    begins[:, 1:] = codes[:, 1:] != codes[:, :-1]
    begins &= places < frames[:, None]
    tokens = begins.sum(dim=1)
    order = (~begins).to(torch.int64).argsort(dim=1, stable=True)
    kept = codes.gather(1, order)[:, : int(tokens.max()) if len(tokens) else 0]
    return kept.masked_fill(places[: kept.shape[1]] >= tokens[:, None], 0), tokens


def blank_free_ctc(
    log_probabilities: Float[Tensor, "batch frame vocab"],
    frames: Int64[Tensor, " batch"],
    strings: Int64[Tensor, "batch token"],
    tokens: Int64[Tensor, " batch"],
) -> Float[Tensor, " batch"]:
    """-ln of the chance that each item's frames hold its string, in nats; 0, without gradient, if that cannot be.

    Args:
        log_probabilities: natural logarithms of every token's chance.
        frames: of each item; the rest is padding.
        strings: wanted of each item, without equal neighbours.
        tokens: of each string.
    Source: Graves et al. 2006, eq. 6-8, with a blank that never comes. torch wants it as a token of its own: it is put
        in front, so that all others move up by one, in the strings as well.
    """
    steps = functional.pad(log_probabilities.float(), (1, 0), value=_NEVER).transpose(0, 1)
    losses = functional.ctc_loss(steps, strings + 1, frames, tokens, reduction="none", zero_infinity=True)
    return torch.where((tokens <= frames) & (tokens > 0), losses, torch.zeros_like(losses))


def pair_log_likelihoods(
    log_probabilities: Float[Tensor, "batch frame vocab"],
    frames: Int64[Tensor, " batch"],
    strings: Int64[Tensor, "string token"],
    tokens: Int64[Tensor, " string"],
) -> Float[Tensor, "batch string"]:
    """ln of the chance that each item's frames hold each string, in nats; `IMPOSSIBLE` where they are too few.

    The forward sum runs over all pairs at once: faster than torch's loss, which would be given every item once for each
    string.

    Args:
        log_probabilities: natural logarithms of every token's chance.
        frames: of each item, at least one.
        strings: without equal neighbours.
        tokens: of each string, at least one.
    """
    batch, most, _ = log_probabilities.shape
    count, longest = strings.shape
    steps = log_probabilities.float()[:, :, strings.flatten()].view(batch, most, count, longest)
    reached = functional.pad(steps[:, 0, :, :1], (0, longest - 1), value=_LOST)
    sums = [reached]
    for frame in range(1, most):
        reached = torch.logaddexp(reached, functional.pad(reached, (1, -1), value=_LOST)) + steps[:, frame]
        sums.append(reached)
    device = frames.device
    found = torch.stack(sums, dim=1)[
        torch.arange(batch, device=device)[:, None],
        (frames - 1).clamp(min=0)[:, None],
        torch.arange(count, device=device)[None],
        (tokens - 1).clamp(min=0)[None],
    ]
    possible = (tokens <= frames[:, None]) & (tokens > 0)
    return torch.where(possible, found, torch.full_like(found, IMPOSSIBLE))


def contrastive(scores: Float[Tensor, "item other"], positive: Bool[Tensor, "item other"]) -> Float[Tensor, ""]:
    """Cross-entropy of finding what belongs together: mean of -ln softmax(score) over each item's positives.

    An item is never its own other. Items without a positive are left out; if none has any, the loss is 0.

    Args:
        scores: how well each item finds each other one.
        positive: which others belong to it.
    Source: Khosla et al. 2020 (supervised contrastive learning), eq. 2.
    """
    own = torch.eye(len(scores), dtype=torch.bool, device=scores.device)
    found = scores.masked_fill(own, -1e9).log_softmax(dim=1)
    wanted = positive & ~own
    counts = wanted.sum(dim=1)
    each = -torch.where(wanted, found, torch.zeros_like(found)).sum(dim=1) / counts.clamp(min=1)
    return each.sum() / (counts > 0).sum().clamp(min=1)


def unbalance(
    log_probabilities: Float[Tensor, "batch frame vocab"], inside: Bool[Tensor, "batch frame"]
) -> Float[Tensor, ""]:
    """How far the mean use of tokens is from even: ln V less its entropy, in nats; 0 if all are used alike.

    Args:
        log_probabilities: natural logarithms of every token's chance.
        inside: frames that are no padding.
    """
    use = log_probabilities.float().exp()[inside].mean(dim=0)
    vocab = log_probabilities.shape[2]
    return torch.log(torch.tensor(float(vocab), device=use.device)) + (use * use.clamp(min=1e-9).log()).sum()
