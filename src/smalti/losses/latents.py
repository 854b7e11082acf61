"""What a latent costs and what it must be paid for: divergence from the prior, free bits, bounds of a likelihood.

All in nats. A latent of D dimensions has the posterior N(mean, exp(log_variance)) and the prior N(0, 1).
"""

import math
from typing import Literal

from jaxtyping import Float
from torch import Tensor

FreeBits = Literal[0, 1, 2, 3]

_LOG_TAU = math.log(2 * math.pi)


def prior_divergence(
    mean: Float[Tensor, "batch latent"], log_variance: Float[Tensor, "batch latent"]
) -> Float[Tensor, "batch latent"]:
    """KL(posterior ‖ prior) of each dimension: ½ (μ² + σ² - log σ² - 1) nats.

    Source: Kingma & Welling 2013, appendix B.
    """
    return 0.5 * (mean.square() + log_variance.exp() - log_variance - 1)


def free_divergence(
    divergence: Float[Tensor, "batch latent"], *, mode: FreeBits, target: float, parity: bool = False
) -> Float[Tensor, ""]:
    """The divergence that is charged, in nats per clip, when a part of it is free.

    For two clips of two dimensions with (1, 5) and (0, 2) nats and a target of 4:

        mode                                       max      parity
        0  all is charged                          4        4
        1  max(clip, target), mean over clips      5        3       (6, 4 | 6, 0)
        2  max(mean of dimension, target / D)      5.5      2.5     (2 + 3.5 | 0 + 5, 0 + 0: 2 is not above 2)
        3  max(mean of clips, target)              4        0

    Below the target nothing pulls at the posterior, in either form.

    Args:
        divergence: of `prior_divergence`.
        mode: where the free part is counted.
        target: nats per clip that are free.
        parity: the published implementation's masks: what is not above the target counts as zero, and mode 2 compares
            each clip alone. Its logged values fall to zero where a maximum rests at the target; the gradient of modes 1
            and 3 is the same, and that of mode 2 differs in clips on the other side of the target than their mean.
    Source: Kingma et al. 2016 (arXiv:1606.04934), appendix C.8, is mode 2 without parity.
    """
    clips, share = divergence.sum(1), target / divergence.shape[1]
    if mode == 0:
        return clips.mean()
    if parity:
        kept = {1: (clips, target), 2: (divergence, share), 3: (clips.mean(), target)}[mode]
        masked = kept[0] * (kept[0] > kept[1])
        return masked.sum(1).mean() if mode == 2 else masked.mean()
    if mode == 1:
        return clips.clamp(min=target).mean()
    if mode == 2:
        return divergence.mean(0).clamp(min=share).sum()
    return clips.mean().clamp(min=target)


def importance_weights(
    log_likelihood: Float[Tensor, "draw batch"],
    latents: Float[Tensor, "draw batch latent"],
    mean: Float[Tensor, "batch latent"],
    log_variance: Float[Tensor, "batch latent"],
) -> Float[Tensor, "draw batch"]:
    """log p(x|z) + log p(z) - log q(z|x) of each drawn latent: their mean over draws is the evidence lower bound."""
    surprise = (latents - mean).square() * (-log_variance).exp() + log_variance
    return log_likelihood + 0.5 * (surprise - latents.square()).sum(-1)


def importance_bound(weights: Float[Tensor, "draw batch"]) -> Float[Tensor, " batch"]:
    """log mean exp over draws: a bound of log p(x) that tightens with every draw.

    Source: Burda et al. 2015 (arXiv:1509.00519), eq. 8.
    """
    return weights.logsumexp(0) - math.log(weights.shape[0])


def log_density(
    latents: Float[Tensor, "draw 1 latent"],
    mean: Float[Tensor, "batch latent"],
    log_variance: Float[Tensor, "batch latent"],
) -> Float[Tensor, "draw batch"]:
    """log q(z|x) of every latent under every clip's posterior."""
    surprise = (latents - mean).square() * (-log_variance).exp() + log_variance + _LOG_TAU
    return -0.5 * surprise.sum(-1)


def mutual_information(
    latents: Float[Tensor, "batch latent"],
    mean: Float[Tensor, "batch latent"],
    log_variance: Float[Tensor, "batch latent"],
) -> Float[Tensor, ""]:
    """Estimate I_q(x; z) in nats, one latent drawn per clip: mean of log q(z|x) - log of the mean over clips of q(z|·).

    It cannot exceed the logarithm of the number of clips.

    Source: Hoffman & Johnson 2016; the estimator of He et al. 2019 (arXiv:1901.05534), section 2.2.
    """
    every = log_density(latents[:, None], mean, log_variance)
    return (every.diagonal() - (every.logsumexp(1) - math.log(len(mean)))).mean()


def active_units(mean: Float[Tensor, "batch latent"], *, least: float = 0.01) -> int:
    """Dimensions whose posterior mean varies over clips by a variance of at least `least`.

    Source: Burda et al. 2015 (arXiv:1509.00519), section 5.2.
    """
    return int((mean.var(0, correction=0) >= least).sum()) if len(mean) else 0
